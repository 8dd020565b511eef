// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/http/guard.hpp>
#include <odt/serve/grpc/grpc_server.hpp>
#include <odt/serve/wire.hpp>
#include <odt/serve/workers.hpp>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <utility>

namespace odt::serve {

namespace detail::rpc {

/// What all calls share.
struct shared {
  models& all;
  metrics& count;
  rpc_options how;
  std::atomic<int> calls{0};
  workers pool{static_cast<int>(std::max(2u, std::thread::hardware_concurrency()))};

  static constexpr int most_calls = 2048;
};

ODT_INLINE grpc::Status status_of(const status& how) {
  return {static_cast<grpc::StatusCode>(how.what), how.message.substr(0, 4096)};  // it travels in a header
}

ODT_INLINE std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

/// The client's deadline on the clock of batchers.
ODT_INLINE clock::time_point deadline_of(const grpc::CallbackServerContext& context) {
  using std::chrono::system_clock;
  const auto left = context.deadline() - system_clock::now();
  if (left > std::chrono::hours(24)) return clock::time_point::max();
  return clock::now() + std::chrono::duration_cast<clock::duration>(left);
}

/// One call: a message in, a message out. It deletes itself when gRPC is done with it.
class call : public grpc::ServerGenericBidiReactor {
 public:
  using handler = void (call::*)(const std::string&);

  call(shared& with, grpc::GenericCallbackServerContext& context, handler handle)
      : with_(with), context_(context), handle_(handle) {
    ++with_.calls;
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return fail({code::invalid_argument, "the call has no message"});
    with_.pool.post([this] {
      try {
        const std::string bytes = bytes_of(request_);
        request_.Clear();
        (this->*handle_)(bytes);
      } catch (const failure& wrong) {
        fail(wrong.as_status());
      } catch (const std::exception& wrong) {
        warn(context_.method(), ": ", wrong.what());
        fail({code::internal, wrong.what()});
      }
    });
  }
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override {
    --with_.calls;
    delete this;
  }

  void predict(const std::string& bytes);
  void metadata(const std::string& bytes) { answer(answer_metadata(bytes, with_.all)); }
  void model_status(const std::string& bytes) { answer(answer_status(bytes, with_.all)); }
  void reload(const std::string& bytes) {
    const status how = with_.all.reload(model_configs_of(bytes));
    how.ok() ? answer(reload_response(how)) : fail(how);
  }

 private:
  void answer(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    response_ = grpc::ByteBuffer(&slice, 1);
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void fail(const status& how) { Finish(status_of(how)); }

  shared& with_;
  grpc::GenericCallbackServerContext& context_;
  handler handle_;
  grpc::ByteBuffer request_, response_;
  std::atomic<bool> cancelled_{false};
};

ODT_INLINE void call::predict(const std::string& bytes) {
  const auto begin = clock::now();
  const predict_request request = parse_predict_request(bytes);
  const auto model = with_.all.find(request.model);
  const auto told = [&count = with_.count, begin, name = request.model.name](code how) {
    count.request(name, "GRPC", how, std::chrono::duration<double>(clock::now() - begin).count());
  };
  try {
    model->predict(
        request, deadline_of(context_),
        [this, model, told](const status& how, predict_response response) {
          told(how.what);
          if (!how.ok()) return fail(how);
          with_.pool.post([this, response = std::move(response)] { answer(serialize(response)); });
        },
        [this] { return cancelled_.load(); });
  } catch (const failure& wrong) {
    told(wrong.as_status().what);
    throw;
  }
}

/// A call that is refused before its message is read.
class refused_call : public grpc::ServerGenericBidiReactor {
 public:
  explicit refused_call(const status& how) { Finish(status_of(how)); }
  void OnDone() override { delete this; }
};

class service : public grpc::CallbackGenericService {
 public:
  explicit service(shared& with) : with_(with) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    static const std::map<std::string, call::handler> handlers{
        {"/tensorflow.serving.PredictionService/Predict", &call::predict},
        {"/tensorflow.serving.PredictionService/GetModelMetadata", &call::metadata},
        {"/tensorflow.serving.ModelService/GetModelStatus", &call::model_status},
        {"/tensorflow.serving.ModelService/HandleReloadConfigRequest", &call::reload}};
    if (!may_ask(*context))
      return new refused_call({unauthenticated, "a token is asked for: the metadata authorization: Bearer TOKEN"});
    const auto found = handlers.find(context->method());
    if (found == handlers.end())
      return new refused_call({code::unimplemented, str(context->method(),
                                                        " is not answered; a detector answers Predict, "
                                                        "GetModelMetadata, GetModelStatus")});
    if (with_.calls >= shared::most_calls)
      return new refused_call({code::resource_exhausted, "too many calls are being answered; try again"});
    return new call(with_, *context, found->second);
  }

 private:
  static constexpr auto unauthenticated = static_cast<code>(grpc::StatusCode::UNAUTHENTICATED);

  bool may_ask(const grpc::GenericCallbackServerContext& context) const {
    if (with_.how.token.empty()) return true;
    const auto& metadata = context.client_metadata();
    const auto given = metadata.find("authorization");
    return given != metadata.end() && http::bears_token({given->second.data(), given->second.size()}, with_.how.token);
  }

  shared& with_;
};

class server : public rpc_server {
 public:
  server(models& all, metrics& count, const rpc_options& how) : shared_{all, count, how}, service_(shared_) {
    grpc::EnableDefaultHealthCheckService(true);
    const bool v6 = how.address.find(':') != std::string::npos;
    const std::string place = str(v6 ? "[" : "", how.address, v6 ? "]" : "", ":", how.port);
    grpc::ResourceQuota quota("odt");
    quota.Resize(std::max<std::size_t>(std::size_t{1} << 30, 4 * how.max_message));
    grpc::ServerBuilder builder;
    builder.AddListeningPort(place, grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(how.max_message));
    builder.SetResourceQuota(quota);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 256);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 600'000);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    if (!server_ || port_ == 0) fail("cannot listen on ", place, " for gRPC: is the port taken?");
    server_->GetHealthCheckService()->SetServingStatus("tensorflow.serving.PredictionService", true);
    server_->GetHealthCheckService()->SetServingStatus("tensorflow.serving.ModelService", true);
  }
  ~server() override { stop(); }
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  int port() const override { return port_; }
  void stop() override {
    if (!server_) return;
    server_->GetHealthCheckService()->Shutdown();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(10));
    server_->Wait();
    server_.reset();
  }

 private:
  int port_ = 0;
  shared shared_;
  service service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace detail::rpc

ODT_INLINE std::unique_ptr<rpc_server> make_grpc_server(models& all, metrics& count, const rpc_options& how) {
  return std::make_unique<detail::rpc::server>(all, count, how);
}

ODT_INLINE bool register_grpc_server() {
  rpc_server_of_program() = make_grpc_server;
  return true;
}

}  // namespace odt::serve
