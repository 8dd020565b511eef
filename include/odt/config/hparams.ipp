// SPDX-License-Identifier: MIT
#pragma once

#include <odt/config/hparams.hpp>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <cfenv>
#include <charconv>
#include <cmath>
#include <optional>

namespace odt {

namespace detail::hparams {

namespace pb = google::protobuf;

inline constexpr std::string_view origin = "hparams_overrides";

/// Reads and changes fields of a message by their paths: "train_config.batch_size", "eval_input_reader[1].shuffle".
class editor {
 public:
  editor(pb::Message& root, field_places& places) : root_(root), places_(places) {}

  /// The message at `path`, made when it is absent.
  pb::Message& message(std::string_view path) const {
    pb::Message* at = &root_;
    while (!path.empty()) at = step(*at, path, true);
    return *at;
  }

  /// Whether all of `path` is set.
  bool has(std::string_view path) const {
    const auto [parent, field] = split(path);
    pb::Message* at = &root_;
    for (std::string_view rest = parent; !rest.empty();) {
      at = step(*at, rest, false);
      if (!at) return false;
    }
    const pb::FieldDescriptor* descriptor = at->GetDescriptor()->FindFieldByName(std::string(field));
    return descriptor && !descriptor->is_repeated() && at->GetReflection()->HasField(*at, descriptor);
  }

  /// The member that the only oneof of the message at `path` holds, or "".
  std::string which(std::string_view path) const {
    pb::Message& at = message(path);
    const pb::OneofDescriptor* group = at.GetDescriptor()->oneof_decl(0);
    const pb::FieldDescriptor* member = at.GetReflection()->GetOneofFieldDescriptor(at, group);
    return member ? std::string(member->name()) : std::string();
  }

  int size(std::string_view path) const {
    const auto [at, field] = find(path);
    return at->GetReflection()->FieldSize(*at, field);
  }

  double number(std::string_view path) const {
    const auto [at, field] = find(path);
    return static_cast<double>(at->GetReflection()->GetFloat(*at, field));
  }

  std::string text(std::string_view path) const {
    const auto [at, field] = find(path);
    return at->GetReflection()->GetString(*at, field);
  }

  void set(std::string_view path, std::string_view value) const {
    const auto [parent, field] = split(path);
    set_field(message(parent), field, value, std::string(path), origin, places_);
  }
  void set(std::string_view path, double value) const {
    const bool whole = std::trunc(value) == value && std::abs(value) < 1e15;  // else 1000000 becomes 1e+06
    set(path, std::string_view(whole ? str(static_cast<std::int64_t>(value)) : str(value)));
  }

  /// Sets any field, made where it is absent, without dropping another member of a oneof.
  void set_any(std::string_view path, const std::vector<std::string>& values) const {
    const auto [at, field] = find(path);
    if (!field) fail(origin, ": ", path, ": ", std::string_view(at->GetDescriptor()->name()), " has no such field");
    keep_oneof(*at, *field);
    if (field->is_repeated()) return set_list(path, values, false);
    if (values.size() != 1) fail(origin, ": ", path, ": one value belongs here, not a list");
    set(path, values[0]);
  }

  /// Replaces, or extends, a list.
  void set_list(std::string_view path, const std::vector<std::string>& values, bool append) const {
    const auto [at, field] = find(path);
    if (!append) at->GetReflection()->ClearField(at, field);
    for (const std::string& value : values) {
      const std::string element = str(path, "[", at->GetReflection()->FieldSize(*at, field), "]");
      set_field(*at, std::string_view(field->name()), value, element, origin, places_);
    }
  }

 private:
  static std::pair<std::string_view, std::string_view> split(std::string_view path) {
    const std::size_t dot = path.rfind('.');
    if (dot == path.npos) return {"", path};
    return {path.substr(0, dot), path.substr(dot + 1)};
  }

  std::pair<pb::Message*, const pb::FieldDescriptor*> find(std::string_view path) const {
    const auto [parent, field] = split(path);
    pb::Message& at = message(parent);
    return {&at, at.GetDescriptor()->FindFieldByName(std::string(field))};
  }

  /// Goes one name down and takes it off `path`; null for an absent message unless it may be made.
  pb::Message* step(pb::Message& at, std::string_view& path, bool make) const {
    const std::size_t end = std::min(path.find('.'), path.size());
    std::string_view name = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    int index = -1;
    if (const std::size_t bracket = name.find('['); bracket != name.npos) {
      std::from_chars(name.data() + bracket + 1, name.data() + name.size(), index);
      name = name.substr(0, bracket);
    }
    const pb::FieldDescriptor* field = at.GetDescriptor()->FindFieldByName(std::string(name));
    const pb::Reflection& access = *at.GetReflection();
    if (!field || field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE || field->is_repeated() != (index >= 0))
      fail(origin, ": \"", name, "\" is not a message of ", std::string_view(at.GetDescriptor()->name()),
           field && field->is_repeated() ? str("; it is a list, whose first element is ", name, "[0]") : "");
    if (index >= 0 && index >= access.FieldSize(at, field))
      fail(origin, ": ", name, "[", index, "]: the config has ", access.FieldSize(at, field), " of them");
    if (make) keep_oneof(at, *field);
    if (index >= 0) return access.MutableRepeatedMessage(&at, field, index);
    if (!make && !access.HasField(at, field)) return nullptr;
    return access.MutableMessage(&at, field);
  }

  /// Refuses to drop another member of a field's oneof.
  static void keep_oneof(const pb::Message& at, const pb::FieldDescriptor& field) {
    const pb::OneofDescriptor* group = field.containing_oneof();
    const pb::FieldDescriptor* member = group ? at.GetReflection()->GetOneofFieldDescriptor(at, group) : nullptr;
    if (member && member != &field)
      fail(origin, ": \"", std::string_view(field.name()), "\" would drop the \"", std::string_view(member->name()),
           "\" that the config has in its place; a config override can do so");
  }

  pb::Message& root_;
  field_places& places_;
};

/// One override being applied.
struct change {
  const hparam& wanted;
  editor config;

  const std::string& value() const {
    if (wanted.values.size() != 1) fail(origin, ": ", wanted.key, ": one value belongs here, not a list");
    return wanted.values[0];
  }

  double number() const {
    const std::string& text = value();
    double result = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), result);
    if (status != std::errc{} || end != text.data() + text.size())
      fail(origin, ": ", wanted.key, ": \"", text, "\" is not a number");
    return result;
  }
};

ODT_INLINE void learning_rate(const change& c) {
  const std::string optimizer = c.config.which("train_config.optimizer");
  if (optimizer.empty()) fail(origin, ": learning_rate: train_config.optimizer has none to change");
  const std::string rate = str("train_config.optimizer.", optimizer, ".learning_rate");
  const std::string type = c.config.which(rate);
  if (type.empty()) fail(origin, ": learning_rate: ", rate, " has no schedule to change");
  const std::string schedule = str(rate, ".", type, ".");
  const auto scale = [&](const std::string& base) {
    const double old = c.config.number(base);
    if (old == 0) fail(origin, ": learning_rate: the rates of ", schedule, " cannot be scaled: ", base, " is 0");
    return c.number() / old;
  };
  if (type == "constant_learning_rate") {
    c.config.set(schedule + "learning_rate", c.number());
  } else if (type == "exponential_decay_learning_rate") {
    c.config.set(schedule + "initial_learning_rate", c.number());
  } else if (type == "manual_step_learning_rate") {
    const double factor = scale(schedule + "initial_learning_rate");
    c.config.set(schedule + "initial_learning_rate", c.number());
    for (int i = 0; i < c.config.size(schedule + "schedule"); ++i) {
      const std::string step = str(schedule, "schedule[", i, "].learning_rate");
      c.config.set(step, c.config.number(step) * factor);
    }
  } else {
    const double factor = scale(schedule + "learning_rate_base");
    const double warmup = c.config.number(schedule + "warmup_learning_rate");
    c.config.set(schedule + "learning_rate_base", c.number());
    c.config.set(schedule + "warmup_learning_rate", warmup * factor);
  }
}

ODT_INLINE void batch_size(const change& c) {
  c.config.set("train_config.batch_size", std::max(1.0, std::nearbyint(c.number())));
}

ODT_INLINE void momentum(const change& c) {
  const std::string optimizer = c.config.which("train_config.optimizer");
  if (optimizer != "rms_prop_optimizer" && optimizer != "momentum_optimizer")
    fail(origin, ": ", c.wanted.key, ": the optimizer must be rms_prop_optimizer or momentum_optimizer, not \"",
         optimizer, "\"");
  c.config.set(str("train_config.optimizer.", optimizer, ".momentum_optimizer_value"),
               std::clamp(c.number(), 0.0, 1.0));
}

ODT_INLINE void loss_ratio(const change& c) {
  const std::string model = c.config.which("model");
  if (model == "ssd") {
    c.config.set("model.ssd.loss.localization_weight", 1.0);
    c.config.set("model.ssd.loss.classification_weight", c.number());
  } else if (model == "faster_rcnn") {
    c.config.set("model.faster_rcnn.first_stage_localization_loss_weight", 1.0);
    c.config.set("model.faster_rcnn.first_stage_objectness_loss_weight", c.number());
    c.config.set("model.faster_rcnn.second_stage_localization_loss_weight", 1.0);
    c.config.set("model.faster_rcnn.second_stage_classification_loss_weight", c.number());
  } else {
    fail(origin, ": ", c.wanted.key, ": the model must be ssd or faster_rcnn, not \"", model, "\"");
  }
}

ODT_INLINE void focal_loss(const change& c, std::string_view field) {
  const std::string model = c.config.which("model");
  const std::string loss = model == "ssd"           ? "model.ssd.loss.classification_loss"
                           : model == "faster_rcnn" ? "model.faster_rcnn.second_stage_classification_loss"
                                                    : "";
  if (loss.empty() || c.config.which(loss) != "weighted_sigmoid_focal")
    fail(origin, ": ", c.wanted.key, ": the classification loss must be weighted_sigmoid_focal");
  c.config.set(str(loss, ".weighted_sigmoid_focal.", field), c.number());
}

ODT_INLINE void num_classes(const change& c) {
  const std::string model = c.config.which("model");
  if (model.empty() || model == "experimental_model") fail(origin, ": num_classes: the model \"", model, "\" has none");
  c.config.set(str("model.", model, ".num_classes"), c.value());
}

ODT_INLINE void reader_field(const change& c, const std::string& reader, std::string_view field, bool append = false) {
  if (field != "input_path") return c.config.set(str(reader, ".", field), c.value());
  if (c.config.which(reader) != "tf_record_input_reader")
    fail(origin, ": ", c.wanted.key, ": the input reader must be tf_record_input_reader");
  c.config.set_list(reader + ".tf_record_input_reader.input_path", c.wanted.values, append);
}

ODT_INLINE void all_eval_readers(const change& c, std::string_view field) {
  for (int i = 0; i < c.config.size("eval_input_reader"); ++i)
    reader_field(c, str("eval_input_reader[", i, "]"), field);
}

ODT_INLINE void all_readers(const change& c, std::string_view field) {
  reader_field(c, "train_input_reader", field);
  all_eval_readers(c, field);
}

ODT_INLINE void the_eval_reader(const change& c, std::string_view field, bool append = false) {
  if (const int count = c.config.size("eval_input_reader"); count != 1)
    fail(origin, ": ", c.wanted.key, ": there are ", count,
         " eval_input_readers; say which one by its name: "
         "eval_input_configs:NAME:",
         field);
  reader_field(c, "eval_input_reader[0]", field, append);
}

ODT_INLINE void dataset_weights(const change& c) {
  const std::string path = "train_input_reader.sample_from_datasets_weights";
  if (const int count = c.config.size(path); static_cast<std::size_t>(count) != c.wanted.values.size())
    fail(origin, ": ", c.wanted.key, ": has ", c.wanted.values.size(), " values, the config has ", count);
  c.config.set_list(path, c.wanted.values, false);
}

ODT_INLINE void keypoint_task(const change& c) {
  const std::string tasks = "model.center_net.keypoint_estimation_task";
  if (c.config.which("model") != "center_net" || c.config.size(tasks) != 1)
    fail(origin, ": ", c.wanted.key, ": the model must be a center_net with one keypoint_estimation_task");
  c.config.set(str(tasks, "[0].", c.wanted.key), c.value());
}

struct rule {
  std::string_view key;
  void (*apply)(const change&);
};

inline constexpr std::array rules{
    rule{"learning_rate", learning_rate},
    rule{"batch_size", batch_size},
    rule{"momentum_optimizer_value", momentum},
    rule{"classification_localization_weight_ratio", loss_ratio},
    rule{"focal_loss_gamma", [](const change& c) { focal_loss(c, "gamma"); }},
    rule{"focal_loss_alpha", [](const change& c) { focal_loss(c, "alpha"); }},
    rule{"num_classes", num_classes},
    rule{"train_steps", [](const change& c) { c.config.set("train_config.num_steps", std::trunc(c.number())); }},
    rule{"use_bfloat16", [](const change& c) { c.config.set("train_config.use_bfloat16", c.value()); }},
    rule{"label_map_path", [](const change& c) { all_readers(c, "label_map_path"); }},
    rule{"mask_type", [](const change& c) { all_readers(c, "mask_type"); }},
    rule{"train_shuffle", [](const change& c) { reader_field(c, "train_input_reader", "shuffle"); }},
    rule{"train_input_path", [](const change& c) { reader_field(c, "train_input_reader", "input_path"); }},
    rule{"append_train_input_path", [](const change& c) { reader_field(c, "train_input_reader", "input_path", true); }},
    rule{"eval_shuffle", [](const change& c) { the_eval_reader(c, "shuffle"); }},
    rule{"eval_input_path", [](const change& c) { the_eval_reader(c, "input_path"); }},
    rule{"append_eval_input_path", [](const change& c) { the_eval_reader(c, "input_path", true); }},
    rule{"sample_1_of_n_eval_examples", [](const change& c) { all_eval_readers(c, "sample_1_of_n_examples"); }},
    rule{"eval_num_epochs", [](const change& c) { all_eval_readers(c, "num_epochs"); }},
    rule{"sample_from_datasets_weights", dataset_weights},
    rule{"eval_with_moving_averages",
         [](const change& c) { c.config.set("eval_config.use_moving_averages", c.value()); }},
    rule{"retain_original_images_in_eval",
         [](const change& c) { c.config.set("eval_config.retain_original_images", c.value()); }},
    rule{"retain_original_image_additional_channels_in_eval",
         [](const change& c) { c.config.set("eval_config.retain_original_image_additional_channels", c.value()); }},
    rule{"peak_max_pool_kernel_size", keypoint_task},
    rule{"candidate_search_scale", keypoint_task},
    rule{"candidate_ranking_mode", keypoint_task},
    rule{"score_distance_offset", keypoint_task},
    rule{"score_distance_multiplier", keypoint_task},
    rule{"std_dev_multiplier", keypoint_task},
    rule{"box_scale", keypoint_task},
    rule{"keypoint_candidate_score_threshold", keypoint_task},
    rule{"unmatched_keypoint_score", keypoint_task},
    rule{"rescore_instances", keypoint_task},
    rule{"rescoring_threshold", keypoint_task},
};

/// "train_input_config::shuffle", "eval_input_configs:NAME:FIELD".
ODT_INLINE void named_reader(const change& c) {
  const std::string& key = c.wanted.key;
  const std::size_t first = key.find(':'), second = key.find(':', first + 1);
  if (second == key.npos || key.find(':', second + 1) != key.npos)
    fail(origin, ": \"", key,
         "\": a key with colons is eval_input_configs:NAME:FIELD or train_input_config:NAME:FIELD");
  const std::string which = key.substr(0, first), name = key.substr(first + 1, second - first - 1);
  const std::string field = key.substr(second + 1);
  std::vector<std::string> readers, names;
  if (which == "train_input_config")
    readers = {"train_input_reader"};
  else if (which == "eval_input_configs")
    for (int i = 0; i < c.config.size("eval_input_reader"); ++i) readers.push_back(str("eval_input_reader[", i, "]"));
  else
    fail(origin, ": \"", key, "\": begins with neither eval_input_configs nor train_input_config");
  for (const std::string& reader : readers) names.push_back(c.config.text(reader + ".name"));
  if (std::ranges::count(names, name) != 1)
    fail(origin, ": \"", key, "\": one reader must have the name \"", name, "\"; the names are \"",
         join(names, "\", \""), "\"");
  reader_field(c, readers[static_cast<std::size_t>(std::ranges::find(names, name) - names.begin())], field);
}

/// The path that a dotted key stands for, or "".
ODT_INLINE std::string generic_path(std::string_view key) {
  constexpr std::array<std::array<std::string_view, 2>, 7> roots{{{"model", "model"},
                                                                  {"train_config", "train_config"},
                                                                  {"eval_config", "eval_config"},
                                                                  {"train_input_config", "train_input_reader"},
                                                                  {"train_input_reader", "train_input_reader"},
                                                                  {"graph_rewriter_config", "graph_rewriter"},
                                                                  {"graph_rewriter", "graph_rewriter"}}};
  for (const auto& [name, field] : roots)
    if (key.starts_with(name) && key.substr(name.size()).starts_with(".")) return str(field, key.substr(name.size()));
  return {};
}

/// The same with the elements of eval_input_reader.
ODT_INLINE std::string any_path(std::string_view key) {
  for (const std::string_view list : {"eval_input_reader", "eval_input_config"})
    if (key.starts_with(list) && key.substr(list.size()).starts_with("["))
      return str("eval_input_reader", key.substr(list.size()));
  return generic_path(key);
}

/// Refuses what the API would clamp.
ODT_INLINE void check_unclamped(const change& c) {
  const std::string& key = c.wanted.key;
  if (key == "batch_size" && std::nearbyint(c.number()) < 1)
    fail(origin, ": ", key, ": ", c.value(), " is too small; at least 1 belongs here");
  if (key == "momentum_optimizer_value" && !(c.number() >= 0 && c.number() <= 1))
    fail(origin, ": ", key, ": ", c.value(), " is out of range; a number from 0 to 1 belongs here");
}

ODT_INLINE bool says_nothing(const hparam& override) {
  return override.values.size() == 1 && override.values[0].empty();
}

ODT_INLINE std::string unquoted(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.front() == text.back())
    text = text.substr(1, text.size() - 2);
  return std::string(text);
}

/// Pieces between commas that are outside of quotes and brackets.
ODT_INLINE std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0 && !quote)) {
      pieces.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    } else if (quote) {
      if (text[i] == quote) quote = 0;
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    } else {
      depth += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
    }
  }
  if (quote || depth != 0) fail(origin, ": \"", text, "\": an open quote or bracket");
  return pieces;
}

}  // namespace detail::hparams

ODT_INLINE std::vector<hparam> parse_hparams(std::string_view text) {
  namespace d = detail::hparams;
  std::vector<hparam> result;
  for (const std::string_view piece : d::split_at_commas(text)) {
    if (d::unquoted(piece).empty()) continue;
    const std::size_t equals = piece.find('=');
    if (equals == piece.npos) fail(d::origin, ": \"", piece, "\": expected key=value");
    hparam& one = result.emplace_back(hparam{d::unquoted(piece.substr(0, equals)), {}});
    const std::string value = d::unquoted(piece.substr(equals + 1));
    if (!value.starts_with('[')) {
      one.values = {value};
      continue;
    }
    for (const std::string_view element : d::split_at_commas(std::string_view(value).substr(1, value.size() - 2)))
      one.values.push_back(d::unquoted(element));
  }
  return result;
}

ODT_INLINE bool apply_hparam(google::protobuf::Message& pipeline, const hparam& override, field_places& places) {
  namespace d = detail::hparams;
  if (d::says_nothing(override)) return true;
  const d::change c{override, d::editor(pipeline, places)};
  const auto rule = std::ranges::find(d::rules, override.key, &d::rule::key);
  if (rule != d::rules.end()) {
    rule->apply(c);
  } else if (override.key.find(':') != override.key.npos) {
    d::named_reader(c);
  } else if (const std::string path = d::generic_path(override.key); !path.empty()) {
    if (!c.config.has(path))
      fail(d::origin, ": ", override.key,
           ": the config does not set this field, and only fields that it sets can be overridden so");
    c.config.set(path, c.value());
  } else {
    return false;
  }
  return true;
}

ODT_INLINE bool override_field(google::protobuf::Message& pipeline, const hparam& override, field_places& places) {
  namespace d = detail::hparams;
  if (d::says_nothing(override)) return true;
  const d::change c{override, d::editor(pipeline, places)};
  const std::string path = d::any_path(override.key);
  if (path.empty()) {
    d::check_unclamped(c);
    return apply_hparam(pipeline, override, places);
  }
  c.config.set_any(path, override.values);
  return true;
}

ODT_INLINE std::vector<std::string_view> hparam_keys() {
  std::vector<std::string_view> keys;
  for (const auto& rule : detail::hparams::rules) keys.push_back(rule.key);
  return keys;
}

}  // namespace odt
