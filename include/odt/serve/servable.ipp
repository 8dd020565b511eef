// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/serve/servable.hpp>

#include <future>
#include <utility>

namespace odt::serve {

namespace detail::serving {

ODT_INLINE model_source source_of(const std::string& checkpoint, const servable_options& how) {
  return {.pipeline_config_path = how.pipeline_config_path,
          .hparams_overrides = how.hparams_overrides,
          .config_override = how.config_override,
          .checkpoint = checkpoint,
          .label_map_path = how.label_map_path,
          .threads = how.threads,
          .compute = how.compute,
          .device = how.device};
}

}  // namespace detail::serving

ODT_INLINE servable::servable(std::span<const detector_type> types, std::string model, std::int64_t version,
                              const std::string& checkpoint, const servable_options& how, std::mutex& turn,
                              batch_observer watch)
    : model_(std::move(model)), version_(version), how_(how) {
  const model_source source = detail::serving::source_of(checkpoint, how);
  detector_ = load_detector(types, source);
  layout_ = output_layout::from(load_config(source).root());
  class_names_ = detector_.class_names();
  batcher_ = std::make_unique<batcher>(*detector_.model, how.batching, turn, std::move(watch));
  batcher_->warm_up();
}

ODT_INLINE void servable::predict(const predict_request& asked, clock::time_point deadline, predicted done,
                                  std::function<bool()> cancelled) {
  const signature& of = find_signature(asked.signature);
  const auto input = only_input(asked.inputs, of);
  check_filter(layout_, asked.output_filter);
  auto images =
      prepare_images(input->first, input->second, detector_.model->resizer(), detector_.model->pixels(), how_.images);
  batcher_->submit(
      std::move(images), deadline,
      [this, done = std::move(done), name = of.name, filter = asked.output_filter](const status& how,
                                                                                   std::vector<detections> found) {
        predict_response response{.model = model_, .version = version_, .signature = name};
        if (how.ok()) response.outputs = make_outputs(found, layout_, filter);
        done(how, std::move(response));
      },
      std::move(cancelled));
}

ODT_INLINE predict_response servable::predict(const predict_request& asked) {
  std::promise<std::pair<status, predict_response>> answer;
  predict(asked, clock::time_point::max(), [&](const status& how, predict_response response) {
    answer.set_value({how, std::move(response)});
  });
  auto [how, response] = answer.get_future().get();
  if (!how.ok()) refuse(how.what, how.message);
  return response;
}

}  // namespace odt::serve
