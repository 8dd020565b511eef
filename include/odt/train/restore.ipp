// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/io/torchvision.hpp>
#include <odt/train/restore.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace odt {

namespace detail::restoring {

inline constexpr std::string_view average_suffix = "/ExponentialMovingAverage";

ODT_INLINE std::vector<std::int64_t> wide(const std::vector<int>& shape) { return {shape.begin(), shape.end()}; }

template <class T>
bool fits(const tensor_info& found, const basic_state_tensor<T>& wanted) {
  return found.type == element_type::float32 && found.shape == wide(wanted.shape);
}

ODT_INLINE std::string shape_text(const std::vector<int>& shape) { return str("[", join(shape, ","), "]"); }

/// Reads the tensors of the model that `wanted` picks; all that are not there are one error.
template <class Wanted>
void read_all(detector& model, const checkpoint_reader& checkpoint, Wanted&& wanted) {
  std::string problems;
  std::size_t count = 0;
  const auto problem = [&](const auto&... text) {
    if (++count <= 10) problems += str("\n  ", text...);
  };
  auto tensors = model.state();
  std::erase_if(tensors, [&](const state_tensor& t) { return !wanted(t); });
  for (const state_tensor& t : tensors) {
    const tensor_info* found = checkpoint.find(t.name);
    if (!found)
      problem(t.name, " ", shape_text(t.shape), " is missing");
    else if (!fits(*found, t))
      problem(t.name, " is ", describe(*found), ", expected float32 ", shape_text(t.shape));
  }
  if (count > 10) problems += str("\n  and ", count - 10, " more");
  if (count > 0)
    fail(checkpoint.prefix(), ": ", count, " of the ", tensors.size(),
         " tensors of this detector do not fit; is it of another pipeline.config?", problems);
  model.edit_state([&](std::span<const editable_tensor> all) {
    for (const editable_tensor& t : all)
      if (wanted(t)) checkpoint.read<float>(t.name, t.values);
  });
}

ODT_INLINE std::int64_t read_global_step(const checkpoint_reader& checkpoint) {
  const tensor_info* found = checkpoint.find("global_step");
  if (!found) return 0;
  return found->type == element_type::int32 ? checkpoint.read<std::int32_t>("global_step").at(0)
                                            : checkpoint.read<std::int64_t>("global_step").at(0);
}

/// The name in a classifier's checkpoint of what is called `name` below the scope.
ODT_INLINE std::string classifier_name(std::string name, const feature_extractor_scope& scope) {
  for (const auto& [here, there] : scope.renamed)
    if (name.starts_with(here)) {
      name.replace(0, here.size(), there);
      break;
    }
  return name + scope.suffix;
}

/// The names of a classifier's variables, each for one variable of the model: that of the latest scope.
ODT_INLINE std::vector<std::string> classifier_names(std::span<const std::string> variables,
                                                     std::span<const feature_extractor_scope> scopes) {
  std::vector<std::string> names(variables.size());
  std::map<std::string, std::size_t> taken_by;
  for (const feature_extractor_scope& scope : scopes)
    for (std::size_t i = 0; i < variables.size(); ++i) {
      if (!variables[i].starts_with(scope.name)) continue;
      names[i] = classifier_name(variables[i].substr(scope.name.size()), scope);
      const auto [at, first] = taken_by.try_emplace(names[i], i);
      if (!first) names[std::exchange(at->second, i)].clear();
    }
  return names;
}

/// The scopes, "FeatureExtractor/", below which a checkpoint has the names that it lacks at its root; empty where it
/// has one of them there.
ODT_INLINE std::set<std::string> scopes_of_names(const checkpoint_reader& checkpoint,
                                                 std::span<const std::string> names) {
  std::set<std::string> scopes;
  for (const std::string& name : names) {
    if (name.empty()) continue;
    if (checkpoint.find(name)) return {};
    for (const tensor_info& t : checkpoint.tensors())
      if (t.name.ends_with("/" + name)) scopes.insert(t.name.substr(0, t.name.size() - name.size()));
  }
  return scopes;
}

ODT_INLINE restore_line compare(const editable_tensor& wanted, const checkpoint_reader& checkpoint,
                                std::string source) {
  using outcome = restore_line::outcome;
  restore_line line{wanted.name, shape_text(wanted.shape), std::move(source), {}, outcome::missing};
  if (line.source.empty()) {
    line.what = outcome::not_asked_for;
  } else if (const tensor_info* found = checkpoint.find(line.source)) {
    line.what = fits(*found, wanted)                   ? outcome::restored
                : found->type != element_type::float32 ? outcome::other_type
                                                       : outcome::other_shape;
    if (line.what != outcome::restored) line.found = describe(*found);
  }
  return line;
}

/// A checkpoint as fine_tune takes it: of torchvision's classifiers what slim's would be for this model.
ODT_INLINE checkpoint_reader open_start(detector& model, const fine_tune_options& options,
                                        std::span<const feature_extractor_scope> scopes, std::string& remark) {
  checkpoint_reader checkpoint(options.checkpoint);
  if (!torchvision::is_torch(checkpoint)) return checkpoint;
  if (options.type != "classification")
    fail(checkpoint.prefix(),
         ": is a classifier, of PyTorch's names; for it train_config has fine_tune_checkpoint_type: ",
         "\"classification\"");
  std::vector<std::string> variables;
  for (const state_tensor& t : model.state())
    if (t.model_variable) variables.push_back(t.name);
  const auto sources = fine_tune_names(variables, scopes, options);
  std::map<std::string, double> epsilons;  // by the name of a gamma there
  for (std::size_t i = 0; i < variables.size(); ++i)
    if (const auto norm = model.norm_of(variables[i])) epsilons.emplace(sources[i], norm->epsilon);
  const auto epsilon_of = [epsilons = std::move(epsilons)](const std::string& gamma) {
    const auto found = epsilons.find(gamma);
    return found == epsilons.end() ? torchvision::norm_epsilon : found->second;
  };
  auto [weights, name] = torchvision::as_slim(checkpoint, {model.pixels(), epsilon_of});
  remark = str("torchvision's ", name, ", for this detector's input of pixels and its norms");
  return weights;
}

/// What would become of each of the variables, into the report.
ODT_INLINE void compare_all(std::span<const editable_tensor> variables, std::span<const feature_extractor_scope> scopes,
                            const checkpoint_reader& checkpoint, const fine_tune_options& options,
                            restore_report& report) {
  std::vector<std::string> names;
  for (const editable_tensor& t : variables) names.push_back(t.name);
  auto sources = fine_tune_names(names, scopes, options);
  if (options.type == "classification") {
    const auto below = scopes_of_names(checkpoint, sources);
    report.classifier_scopes.assign(below.begin(), below.end());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (report.classifier_scopes.size() == 1 && !sources[i].empty()) sources[i].insert(0, report.classifier_scopes[0]);
    report.lines.push_back(compare(variables[i], checkpoint, sources[i]));
  }
}

/// "FeatureExtractor/MobilenetV1/Conv2d_3_depthwise/BatchNorm/beta" -> "FeatureExtractor/MobilenetV1".
ODT_INLINE std::string group(const std::string& name) {
  const std::size_t first = name.find('/');
  const std::size_t second = first == std::string::npos ? first : name.find('/', first + 1);
  return name.substr(0, second);
}

}  // namespace detail::restoring

ODT_INLINE void save_checkpoint(detector& model, const run_state& run, const std::string& prefix) {
  auto tensors = model.state();
  std::ranges::sort(tensors, {}, &state_tensor::name);
  checkpoint_writer writer(prefix);
  for (const state_tensor& t : tensors) writer.add<float>(t.name, detail::restoring::wide(t.shape), t.values);
  writer.add<std::int64_t>("global_step", model.global_step());
  write_run_state(writer, run);
  writer.commit();
}

ODT_INLINE run_state resume_checkpoint(detector& model, const checkpoint_reader& checkpoint,
                                       const run_state& unless_there) {
  detail::restoring::read_all(model, checkpoint, [](const auto&) { return true; });
  model.set_global_step(detail::restoring::read_global_step(checkpoint));
  if (auto run = read_run_state(checkpoint)) return *std::move(run);
  return unless_there;
}

ODT_INLINE void restore_variables(detector& model, const checkpoint_reader& checkpoint, bool averages) {
  using detail::restoring::average_suffix;
  const auto is_average = [](const auto& t) { return t.name.ends_with(average_suffix); };
  detail::restoring::read_all(model, checkpoint, [](const auto& t) { return t.model_variable; });
  model.set_global_step(detail::restoring::read_global_step(checkpoint));
  if (!averages) return;
  if (std::ranges::none_of(checkpoint.tensors(), [](const auto& t) { return t.name.ends_with(average_suffix); })) {
    warn(checkpoint.prefix(), ": has no moving averages; its variables are used as they are");
    return model.reset_averages();
  }
  detail::restoring::read_all(model, checkpoint, is_average);
}

ODT_INLINE std::vector<std::string> fine_tune_names(std::span<const std::string> variables,
                                                    std::span<const feature_extractor_scope> scopes,
                                                    const fine_tune_options& options) {
  if (options.type == "classification") return detail::restoring::classifier_names(variables, scopes);
  std::vector<std::string> names;
  for (const std::string& variable : variables) {
    const bool extracts_features = std::ranges::any_of(
        scopes, [&variable](const feature_extractor_scope& scope) { return variable.starts_with(scope.name); });
    names.push_back(extracts_features || options.load_all_detection_checkpoint_vars ? variable : "");
  }
  return names;
}

ODT_INLINE restore_report fine_tune(detector& model, const fine_tune_options& options) {
  if (options.type != "detection" && options.type != "classification")
    fail("train_config.fine_tune_checkpoint_type: \"", options.type,
         "\" is not available; there are detection, classification");
  const auto scopes = model.feature_extractor_scopes();
  restore_report report;
  const checkpoint_reader checkpoint = detail::restoring::open_start(model, options, scopes, report.remark);
  report.checkpoint = checkpoint.prefix();
  std::set<std::string> used;
  model.edit_state([&](std::span<const editable_tensor> tensors) {
    std::vector<editable_tensor> variables(tensors.begin(), tensors.end());
    std::erase_if(variables, [](const editable_tensor& t) { return !t.model_variable; });
    detail::restoring::compare_all(variables, scopes, checkpoint, options, report);
    for (std::size_t i = 0; i < variables.size(); ++i) {
      if (report.lines[i].what != restore_line::outcome::restored) continue;
      checkpoint.read<float>(report.lines[i].source, variables[i].values);
      used.insert(report.lines[i].source);
    }
  });
  for (const tensor_info& t : checkpoint.tensors())
    if (!used.contains(t.name) && t.name != "global_step" && !t.name.starts_with("odt/"))
      report.unused.push_back(t.name);
  if (used.empty())
    fail(checkpoint.prefix(), ": fine_tune_checkpoint has no variable that fits this detector (type ", options.type,
         ")\n", report.table(), "Is the type right, and is it a checkpoint of this feature extractor?");
  model.reset_averages();
  return report;
}

ODT_INLINE std::size_t restore_report::count(restore_line::outcome what) const {
  return static_cast<std::size_t>(std::ranges::count(lines, what, &restore_line::what));
}

ODT_INLINE std::string restore_report::table() const {
  using outcome = restore_line::outcome;
  std::string text =
      str("checkpoint ", checkpoint, ": ", count(outcome::restored), " of ", lines.size(), " variables restored\n");
  if (!remark.empty()) text += str("  ", remark, "\n");
  if (classifier_scopes.size() == 1)
    text += str("  no classifier, but a detector: the names below its scope ", classifier_scopes[0], " are taken\n");
  if (classifier_scopes.size() > 1)
    text += str("  no classifier, but a detector with the names below several scopes: ", join(classifier_scopes, ", "),
                "; for the same kind of detector, the type is \"detection\"\n");
  std::map<std::pair<std::string, outcome>, int> groups;
  for (const restore_line& line : lines)
    if (line.what == outcome::restored || line.what == outcome::not_asked_for)
      ++groups[{detail::restoring::group(line.variable), line.what}];
  for (const auto& [key, n] : groups)
    text += str(key.second == outcome::restored ? "  restored       " : "  initial values ", key.first, " (", n,
                n == 1 ? " variable" : " variables", key.second == outcome::restored ? ")\n" : "; not asked for)\n");
  std::size_t shown = 0;
  for (const restore_line& line : lines) {
    if (line.what == outcome::restored || line.what == outcome::not_asked_for) continue;
    if (++shown > 20) continue;
    text += str("  NOT restored   ", line.variable, " ", line.shape, ": the checkpoint",
                line.what == outcome::missing ? " has none" : "'s is ", line.found,
                line.source == line.variable ? "" : str(" (", line.source, ")"), "\n");
  }
  if (shown > 20) text += str("  and ", shown - 20, " more that were not restored\n");
  if (!unused.empty()) {
    std::vector<std::string> some(unused.begin(), unused.begin() + std::min<std::ptrdiff_t>(5, std::ssize(unused)));
    text += str("  of the checkpoint, ", unused.size(), " tensors are not used: ", join(some, ", "),
                unused.size() > some.size() ? ", ...\n" : "\n");
  }
  return text;
}

}  // namespace odt
