// SPDX-License-Identifier: MIT
// Convolutional maps with channels of their own for every bin of a box, and crops of them (Dai et al.,
// arXiv:1605.06409; the API's RfcnBoxPredictor).
#pragma once

#include <odt/core/error.hpp>
#include <odt/second_stage_box_predictor.hpp>

#include <string_view>

namespace odt {

struct rfcn_box_predictor {
  static constexpr std::string_view name = "rfcn_box_predictor";
  static constexpr bool crops_first = false;

  struct options {
    optional_hyperparams conv;
    int num_spatial_bins_height = 3;
    int num_spatial_bins_width = 3;
    int depth = 1024;
    int box_code_size = 4;
    int crop_height = 12;
    int crop_width = 12;

    static constexpr void fields(auto& o, auto&& field) {
      field("conv_hyperparams", o.conv);
      field("num_spatial_bins_height", o.num_spatial_bins_height);
      field("num_spatial_bins_width", o.num_spatial_bins_width);
      field("depth", o.depth);
      field("box_code_size", o.box_code_size);
      field("crop_height", o.crop_height);
      field("crop_width", o.crop_width);
    }
  };

  options opts{};

  static constexpr void check(const options& o) {
    if (!o.conv.given) fail("conv_hyperparams are missing");
    if (o.num_spatial_bins_height < 1 || o.num_spatial_bins_width < 1 ||
        o.crop_height % o.num_spatial_bins_height != 0 || o.crop_width % o.num_spatial_bins_width != 0)
      fail("crop_height ", o.crop_height, " and crop_width ", o.crop_width, " have to be multiples of the ",
           o.num_spatial_bins_height, "x", o.num_spatial_bins_width, " spatial bins");
  }

  constexpr bool shares_boxes() const { return false; }
  constexpr bool predicts_masks() const { return false; }

  constexpr second_stage_heads build(network& net, const second_stage_features& from, int classes) const {
    const graph_name scope = "SecondStageBoxPredictor";
    const int x = convolve(net, from.map, {.scope = scope + "/reduce_depth", .channels = opts.depth}, opts.conv);
    const auto predict = [&](const char* layer, const graph_name& mean, int columns) {
      hyperparams linear = opts.conv;
      linear.act = activation::none;
      linear.has_batch_norm = linear.has_group_norm = false;
      const size2 bins{opts.num_spatial_bins_height, opts.num_spatial_bins_width};
      const int maps =
          convolve(net, x, {.scope = scope + layer, .channels = bins.height * bins.width * columns}, linear);
      return net.position_sensitive_crop(maps, from.boxes, {opts.crop_height, opts.crop_width}, bins, scope + mean);
    };
    const int encodings = predict("/refined_locations", "/Mean", classes * opts.box_code_size);
    return {encodings, predict("/class_predictions", "/Mean_1", classes + 1)};
  }
};

static_assert(second_stage_box_predictor<rfcn_box_predictor>);

}  // namespace odt
