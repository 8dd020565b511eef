// SPDX-License-Identifier: MIT
// Overrides of single values, as model_main's --hparams_overrides has them: "learning_rate=0.01,train_steps=500".
#pragma once

#include <odt/config/text_format.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// One override. Keys are those of the API: `learning_rate` (schedules keep their proportions), `batch_size`,
/// `momentum_optimizer_value`, `train_steps`, `label_map_path`, `train_input_path`, `eval_shuffle`, ..., a dotted path
/// (`train_config.optimizer.rms_prop_optimizer.decay`) of a field that the config sets, or
/// `eval_input_configs:NAME:FIELD`.
struct hparam {
  std::string key;
  std::vector<std::string> values;  ///< more than one only for lists
};

/// Splits "key=value,key=[value,value],key='va,lue'".
std::vector<hparam> parse_hparams(std::string_view text);

/// Changes a message TrainEvalPipelineConfig as the API does. A value "" changes nothing. False: there is no such key,
/// and nothing was changed. A value that does not fit, or a key that does not fit the config, is an error.
bool apply_hparam(google::protobuf::Message& pipeline, const hparam& override, field_places& places);

/// The same for people: a path may name any field, also one that the config does not set, a list (whose elements the
/// values replace), or one of eval_input_reader[N]; and a value that the API would clamp in silence is an error.
bool override_field(google::protobuf::Message& pipeline, const hparam& override, field_places& places);

/// The keys that are not paths, for messages and help.
std::vector<std::string_view> hparam_keys();

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/config/hparams.ipp>
#endif
