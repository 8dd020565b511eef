// SPDX-License-Identifier: MIT
// The API's faster_rcnn_nas: boxes are proposed from Cell_10 and Cell_11 of NASNet-A large side by side, and classified
// by what follows these. As in the API it keeps its weight decay, and its first half trains its batch norms whatever
// batch_norm_trainable says.
#pragma once

#include <odt/backbones/nasnet.hpp>
#include <odt/two_stage_feature_extractor.hpp>

#include <string_view>

namespace odt {

struct faster_rcnn_nas {
  static constexpr std::string_view name = "faster_rcnn_nas";
  static constexpr std::string_view variable_scope{};  // there is none
  static constexpr std::string_view suffix_in_classifiers = "/ExponentialMovingAverage";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = two_stage_extractor_options;

  options opts{};

  static constexpr void check(const options& o) { check_features_stride(name, o, {16}); }

  constexpr int build_proposal_features(network& net, int input) const {
    check(opts);
    const endpoints ends = backbones::nasnet_large_to_cell_11(net, input, stage(first_stage_scope, true));
    return net.concat(graph_name(first_stage_scope) + "/concat", {ends.at("Cell_10"), ends.at("Cell_11")});
  }

  constexpr int build_classifier_features(network& net, int crops) const {
    const int channels = net.channels(crops) / 2;
    const graph_name split = graph_name(second_stage_scope) + "/split";
    const int cell_10 = net.slice(crops, 0, channels, split),
              cell_11 = net.slice(crops, channels, channels, repeated(split, 1));
    return backbones::nasnet_large_to_cell_17(net, cell_10, cell_11,
                                              stage(second_stage_scope, opts.batch_norm_trainable));
  }

 private:
  static constexpr backbone_spec stage(std::string_view scope, bool trains_norms) {
    hyperparams h = backbones::nasnet_large_hyperparams();
    h.norm.train = trains_norms;
    return {.variables = scope, .operations = scope, .override_with = h};
  }
};

static_assert(two_stage_feature_extractor<faster_rcnn_nas>);

}  // namespace odt
