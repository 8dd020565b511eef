// SPDX-License-Identifier: MIT
// A two-stage detector, for formats that have no words for it.
#pragma once

namespace odt::test {

inline constexpr const char* small_faster_rcnn = R"(
  model { faster_rcnn {
    num_classes: 2
    image_resizer { fixed_shape_resizer { height: 64 width: 64 } }
    feature_extractor { type: "faster_rcnn_inception_v2" first_stage_features_stride: 16 }
    first_stage_anchor_generator { grid_anchor_generator { scales: [0.25, 0.5] aspect_ratios: [1.0, 2.0] } }
    first_stage_box_predictor_conv_hyperparams { op: CONV
      regularizer { l2_regularizer {} } initializer { truncated_normal_initializer {} } }
    initial_crop_size: 14 maxpool_kernel_size: 2 maxpool_stride: 2
    second_stage_box_predictor { mask_rcnn_box_predictor {
      fc_hyperparams { op: FC regularizer { l2_regularizer {} } initializer { variance_scaling_initializer {} } } } }
    second_stage_post_processing { score_converter: SOFTMAX batch_non_max_suppression {} }
  } }
  train_config { optimizer { momentum_optimizer { learning_rate { constant_learning_rate {} } } } })";

}  // namespace odt::test
