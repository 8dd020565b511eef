// SPDX-License-Identifier: MIT
#pragma once

#include <odt/config/hparams.hpp>
#include <odt/config/pipeline.hpp>
#include <odt/config/text_format.hpp>
#include <odt/core/closest.hpp>
#include <odt/io/text_file.hpp>

#include <google/protobuf/text_format.h>
#include <odt/pipeline.pb.h>

namespace odt {

struct pipeline::impl {
  std::string name;
  proto::TrainEvalPipelineConfig message;
  field_places places;
  settings root;

  void rebuild() { root = settings_of(message, places, name); }

  /// A changed copy, so that an error in between changes nothing.
  template <class Change>
  std::unique_ptr<impl> changed(Change&& change) const {
    auto copy = std::make_unique<impl>();
    copy->name = name;
    copy->message = message;
    copy->places = places;
    change(*copy);
    copy->rebuild();
    return copy;
  }
};

ODT_INLINE pipeline::pipeline(std::unique_ptr<impl> state) : state_(std::move(state)) {}
ODT_INLINE pipeline::pipeline(pipeline&&) noexcept = default;
ODT_INLINE pipeline& pipeline::operator=(pipeline&&) noexcept = default;
ODT_INLINE pipeline::~pipeline() = default;

namespace detail::pipeline_file {

/// The member that `model` holds; "ssd" where it holds none.
ODT_INLINE std::string_view model_of(const settings& root) {
  for (const settings& family : root.find("model")->children)
    if (family.alternative && family.set) return family.name;
  return "ssd";
}

}  // namespace detail::pipeline_file

ODT_INLINE pipeline pipeline::load(const std::string& path) { return parse(read_text(path), path); }

ODT_INLINE pipeline pipeline::parse(std::string_view text, std::string_view name) {
  auto state = std::make_unique<impl>();
  state->name = name;
  merge_text(state->message, text, name, state->places);
  state->rebuild();
  return pipeline(std::move(state));
}

ODT_INLINE const settings& pipeline::root() const { return state_->root; }

ODT_INLINE const std::string& pipeline::name() const { return state_->name; }

ODT_INLINE void pipeline::merge(std::string_view text, std::string_view name) {
  state_ = state_->changed([&](impl& copy) { merge_text(copy.message, text, name, copy.places); });
}

ODT_INLINE void pipeline::apply_hparams(std::string_view overrides) {
  state_ = state_->changed([&](impl& copy) {
    for (const hparam& one : parse_hparams(overrides)) {
      if (override_field(copy.message, one, copy.places)) continue;
      const std::string near = closest(one.key, hparam_keys());
      fail("hparams_overrides: there is no key \"", one.key, "\"; ",
           near.empty() ? str("there are ", join(hparam_keys(), ", "), ", and paths such as model.",
                              detail::pipeline_file::model_of(root()), ".num_classes")
                        : "did you mean \"" + near + "\"?");
    }
  });
}

ODT_INLINE bool pipeline::apply_hparam(std::string_view key, const std::vector<std::string>& values) {
  bool known = true;
  state_ = state_->changed([&](impl& copy) {
    known = odt::apply_hparam(copy.message, {std::string(key), values}, copy.places);
  });
  return known;
}

ODT_INLINE std::string pipeline::text() const {
  std::string result;
  google::protobuf::TextFormat::PrintToString(state_->message, &result);
  return result;
}

}  // namespace odt
