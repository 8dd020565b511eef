// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/flags.hpp>
#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/http/guard.hpp>
#include <odt/http/server.hpp>
#include <odt/io/file.hpp>
#include <odt/serve/models.hpp>
#include <odt/serve/rest.hpp>
#include <odt/serve/rpc_server.hpp>
#include <odt/train/stop_signal.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace odt {

namespace detail::cli {

struct serve_command {
  serve::models_options models;
  serve::model_config model{.name = "default"};
  std::string model_config_file, batching_parameters_file, token;
  std::string address = "127.0.0.1";
  std::vector<std::string> hosts;
  int rest_port = 0, grpc_port = 0;
  int rest_threads = 8, rest_timeout_ms = 30000;
  int max_body_mb = 64, max_connections = 1024;
  double max_megapixels = 50;
  std::int64_t retry_micros = 60'000'000;
  bool batching = true;
  bool no_page = false;
};

ODT_INLINE std::vector<serve::model_config> configs_to_serve(const serve_command& c) {
  if (c.model_config_file.empty() == c.model.base_path.empty())
    fail("either --model_base_path (with --model_name) or --model_config_file says what is served");
  if (!c.model_config_file.empty()) {
    if (c.model.name != "default") fail("--model_name: the names stand in --model_config_file");
    return serve::parse_model_configs(read_file(c.model_config_file), c.model_config_file);
  }
  return {c.model};
}

ODT_INLINE serve::models_options models_options_of(const serve_command& c) {
  serve::models_options how = c.models;
  if (!c.batching_parameters_file.empty())
    how.servables.batching = serve::parse_batching(read_file(c.batching_parameters_file), c.batching_parameters_file,
                                                   how.servables.batching);
  if (!c.batching) {
    how.servables.batching.max_batch_size = 1;
    how.servables.batching.allowed_batch_sizes.clear();
  }
  how.servables.images.max_pixels = static_cast<std::int64_t>(c.max_megapixels * 1e6);
  how.retry_seconds = static_cast<double>(c.retry_micros) * 1e-6;
  return how;
}

ODT_INLINE bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

/// The token that is asked for: the given one, or one by chance where others could come.
ODT_INLINE std::string token_of(const serve_command& c) {
  if (!c.token.empty() || is_loopback(c.address)) return c.token;
  return http::random_token();
}

ODT_INLINE http::server_options http_options_of(const serve_command& c, const std::string& token) {
  const auto body = static_cast<std::size_t>(c.max_body_mb) << 20;
  return {.address = c.address,
          .port = c.rest_port,
          .threads = c.rest_threads,
          .max_body = body,
          .max_unzipped = 4 * body,
          .max_pending = std::max<std::size_t>(std::size_t{1} << 30, 2 * body),
          .max_connections = static_cast<std::size_t>(c.max_connections),
          .token = token,
          .hosts = c.hosts};
}

ODT_INLINE void refuse_without_ports(const serve_command& c) {
  if (c.grpc_port > 0 && !serve::rpc_server_of_program())
    fail("--port ", c.grpc_port, ": this program was built without gRPC; install libgrpc++-dev and build it again ",
         "(odt::grpc), or serve by REST alone with --rest_api_port");
  if (c.rest_port <= 0 && c.grpc_port <= 0)
    fail("say where to listen: --rest_api_port 8501",
         serve::rpc_server_of_program() ? ", --port 8500 for gRPC, or both" : "");
}

/// glibc gives many threads as many heaps, each of which keeps pieces of the versions that came and went.
ODT_INLINE void share_heaps() {
#if defined(__GLIBC__)
  ::mallopt(M_ARENA_MAX, 1);
#endif
}

ODT_INLINE int run_serve(const serve_command& c, const program& p) {
  refuse_without_ports(c);
  const auto configs = configs_to_serve(c);
  const std::string token = token_of(c);
  const stop_signal stop;
  share_heaps();
  serve::metrics count;
  serve::models models(p.detectors, configs, models_options_of(c), count);
  std::unique_ptr<serve::rpc_server> rpc;
  if (c.grpc_port > 0)
    rpc = serve::rpc_server_of_program()(models, count,
                                         {.address = c.address,
                                          .port = c.grpc_port,
                                          .max_message = static_cast<std::size_t>(c.max_body_mb) << 20,
                                          .token = token});
  serve::rest_service rest(models, count, {.timeout = c.rest_timeout_ms * 1e-3, .page = !c.no_page});
  std::unique_ptr<http::server> web;
  if (c.rest_port > 0) {
    std::promise<http::server*> made;
    rest.write_on(
        [made = made.get_future().share()](std::function<void()> work) { made.get()->post(std::move(work)); });
    web = std::make_unique<http::server>(http_options_of(c, token), http::server::async_handler(std::cref(rest)));
    made.set_value(web.get());
    info("REST, metrics and a page for people: ", web->url(), token.empty() ? "" : "/?token=", token);
  }
  if (rpc)
    info("gRPC: ", c.address, ":", rpc->port(),
         token.empty() ? "" : str(", with the metadata authorization: Bearer ", token));
  while (!stop_signal::received()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  info("stopping: requests that are there are answered");
  if (rpc) rpc->stop();
  if (web) web->stop();
  models.stop();
  return 0;
}

ODT_INLINE void add_serve_models(CLI::App& app, serve_command& c) {
  app.add_option("--model_name", c.model.name, "the name that clients ask for")->capture_default_str();
  app.add_option("--model_base_path", c.model.base_path,
                 "a directory with a numbered directory for each version (each what odt export writes), or a "
                 "model_dir, whose checkpoints are the versions");
  app.add_option("--model_config_file", c.model_config_file,
                 "several models: the text of a ModelServerConfig (model_config_list, model_version_policy, "
                 "version_labels)");
  app.add_option("--file_system_poll_wait_seconds", c.models.poll_seconds,
                 "how often the paths are looked at for new versions; 0: once")
      ->check(between(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("--max_num_load_retries", c.models.load_retries, "of a version that cannot be loaded")
      ->check(between(0, 1000000))
      ->capture_default_str();
  app.add_option("--load_retry_interval_micros", c.retry_micros, "between them")
      ->check(between<std::int64_t>(0, 86'400'000'000))
      ->capture_default_str();
  app.add_option("--pipeline_config_path", c.models.servables.pipeline_config_path,
                 "for all versions; when not given, the one beside each checkpoint");
  app.add_option("--label_map_path", c.models.servables.label_map_path, "instead of the config's");
  app.add_option("--hparams_overrides", c.models.servables.hparams_overrides, "changes to the config");
  app.add_option("--config_override", c.models.servables.config_override, "text that is merged into the config");
}

ODT_INLINE void add_serve_ports(CLI::App& app, serve_command& c) {
  app.add_option("--rest_api_port", c.rest_port, "for REST, usually 8501")->check(between(1, 65535));
  app.add_option("--port", c.grpc_port, "for gRPC, usually 8500")->check(between(1, 65535));
  app.add_option("--address", c.address, "to listen on; what others can reach needs a token")->capture_default_str();
  app.add_option("--token", c.token,
                 "asked of every request: Authorization: Bearer TOKEN; when not given, one is made up for an address "
                 "that others can reach");
  app.add_option("--hosts", c.hosts, "names that clients call this server by, such as a proxy's, with commas")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--rest_api_num_threads", c.rest_threads, "that decode pictures and write answers")
      ->check(between(1, 1024))
      ->capture_default_str();
  app.add_option("--rest_api_timeout_in_ms", c.rest_timeout_ms, "of a REST request")
      ->check(positive())
      ->capture_default_str();
  app.add_option("--max_request_mb", c.max_body_mb, "larger requests are refused; four times that when unpacked")
      ->check(between(1, 2000))
      ->capture_default_str();
  app.add_option("--max_megapixels", c.max_megapixels, "of a picture")
      ->check(between(0.01, 178.0))
      ->capture_default_str();
  app.add_option("--max_connections", c.max_connections, "of REST clients")->check(positive())->capture_default_str();
  app.add_flag("--no_page", c.no_page, "no page for people at /");
}

ODT_INLINE void add_serve(CLI::App& app, program& p) {
  CLI::App* serve = app.add_subcommand("serve", "Answer TensorFlow Serving's clients with trained detectors");
  serve->footer("Example: odt serve --model_name pets --model_base_path exported --rest_api_port 8501 --port 8500");
  const auto command = std::make_shared<serve_command>();
  serve_command& c = *command;
  add_serve_models(*serve, c);
  add_serve_ports(*serve, c);
  serve->add_flag("--enable_batching,!--no_batching", c.batching,
                  "whether requests that wait are computed as one batch; they are, unless it is false");
  serve->add_option("--batching_parameters_file", c.batching_parameters_file,
                    "the text of a BatchingParameters (max_batch_size, batch_timeout_micros, max_enqueued_batches, "
                    "allowed_batch_sizes); without it batches of up to 8, no waiting, 800 images in the queue");
  serve->add_option("--threads", c.models.servables.threads, "threads that compute; 0: all of the machine's")
      ->check(between(0, 1024));
  add_device_flags(*serve, c.models.servables.device, c.models.servables.compute);
  serve->callback([command, &p] { p.action = [command, &p] { return run_serve(*command, p); }; });
}

}  // namespace detail::cli

}  // namespace odt
