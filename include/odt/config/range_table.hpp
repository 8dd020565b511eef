// SPDX-License-Identifier: MIT
// Which values each number of the schema may have: the table behind ranges.hpp, in the order of proto/. A test demands
// that it has every number, so that a new field is not forgotten.
#pragma once

#include <odt/config/ranges.hpp>

#include <array>
#include <string_view>

namespace odt::detail::ranges {

inline constexpr value_range any{}, count{.low = 1}, not_negative{.low = 0}, positive{.low = 0, .above_low = true},
    share{.low = 0, .high = 1}, some_share{.low = 0, .high = 1, .above_low = true}, bits{.low = 2, .high = 32},
    percent{.low = 0, .high = 100}, first_two{.low = 0, .high = 1};

/// Fields of one message, with spaces between them.
struct rule {
  std::string_view message, fields;
  value_range range;
};

/// Every number of the schema. `any` says that all finite ones are meant.
inline constexpr std::array rules{
    // anchor_generator.proto
    rule{"GridAnchorGenerator", "height width height_stride width_stride", count},
    rule{"GridAnchorGenerator", "height_offset width_offset", any},
    rule{"GridAnchorGenerator", "scales aspect_ratios", positive},
    rule{"SsdAnchorGenerator", "num_layers height_stride width_stride", count},
    rule{"SsdAnchorGenerator", "min_scale max_scale scales aspect_ratios base_anchor_height base_anchor_width",
         positive},
    rule{"SsdAnchorGenerator", "interpolated_scale_aspect_ratio", not_negative},
    rule{"SsdAnchorGenerator", "height_offset width_offset", any},
    rule{"MultiscaleAnchorGenerator", "min_level max_level", not_negative},
    rule{"MultiscaleAnchorGenerator", "anchor_scale aspect_ratios", positive},
    rule{"MultiscaleAnchorGenerator", "scales_per_octave", count},
    rule{"AnchorGrid", "base_sizes aspect_ratios", positive},
    rule{"AnchorGrid", "height_stride width_stride", count},
    rule{"AnchorGrid", "height_offset width_offset", any},

    // box_predictor.proto
    rule{"ConvolutionalBoxPredictor", "min_depth max_depth num_layers_before_predictor", not_negative},
    rule{"ConvolutionalBoxPredictor", "dropout_keep_probability", some_share},
    rule{"ConvolutionalBoxPredictor", "kernel_size box_code_size", count},
    rule{"ConvolutionalBoxPredictor", "class_prediction_bias_init", any},
    rule{"BoxEncodingsClipRange", "min max", any},
    rule{"WeightSharedConvolutionalBoxPredictor", "num_layers_before_predictor depth", not_negative},
    rule{"WeightSharedConvolutionalBoxPredictor", "kernel_size box_code_size", count},
    rule{"WeightSharedConvolutionalBoxPredictor", "class_prediction_bias_init", any},
    rule{"WeightSharedConvolutionalBoxPredictor", "dropout_keep_probability", some_share},
    rule{"MaskRCNNBoxPredictor", "dropout_keep_probability", some_share},
    rule{"MaskRCNNBoxPredictor", "box_code_size mask_height mask_width", count},
    rule{"MaskRCNNBoxPredictor", "mask_prediction_conv_depth mask_prediction_num_conv_layers", not_negative},
    rule{"RfcnBoxPredictor",
         "num_spatial_bins_height num_spatial_bins_width depth box_code_size crop_height crop_width", count},

    // center_net.proto
    rule{"CenterNet", "num_classes", count},
    rule{"CenterNetFeatureExtractor", "channel_means", any},
    rule{"CenterNetFeatureExtractor", "channel_stds depth_multiplier", positive},
    rule{"PredictionHeadParams", "num_filters kernel_sizes", count},
    rule{"ObjectDetection", "task_loss_weight offset_loss_weight scale_loss_weight", not_negative},
    rule{"ObjectCenterParams", "object_center_loss_weight keypoint_weights_for_center", not_negative},
    rule{"ObjectCenterParams", "heatmap_bias_init", any},
    rule{"ObjectCenterParams", "min_box_overlap_iou", share},
    rule{"ObjectCenterParams", "max_box_predictions peak_max_pool_kernel_size", count},
    rule{"KeypointEstimation",
         "task_loss_weight keypoint_regression_loss_weight keypoint_heatmap_loss_weight keypoint_offset_loss_weight "
         "keypoint_depth_loss_weight offset_peak_radius score_distance_multiplier",
         not_negative},
    rule{"KeypointEstimation", "heatmap_bias_init score_distance_offset", any},
    rule{"KeypointEstimation", "keypoint_candidate_score_threshold unmatched_keypoint_score rescoring_threshold",
         share},
    rule{"KeypointEstimation", "num_candidates_per_keypoint peak_max_pool_kernel_size", count},
    rule{"KeypointEstimation", "box_scale candidate_search_scale std_dev_multiplier gaussian_denom_ratio", positive},
    rule{"KeypointLabelToStdEntry", "value", positive},
    rule{"MaskEstimation", "task_loss_weight", not_negative},
    rule{"MaskEstimation", "mask_height mask_width", count},
    rule{"MaskEstimation", "score_threshold", share},
    rule{"MaskEstimation", "heatmap_bias_init", any},
    rule{"DensePoseEstimation", "task_loss_weight class_id part_loss_weight coordinate_loss_weight", not_negative},
    rule{"DensePoseEstimation", "num_parts", count},
    rule{"DensePoseEstimation", "heatmap_bias_init", any},
    rule{"TrackEstimation", "task_loss_weight", not_negative},
    rule{"TrackEstimation", "num_track_ids reid_embed_size num_fc_layers", count},
    rule{"TemporalOffsetEstimation", "task_loss_weight", not_negative},
    rule{"DeepMACMaskEstimation",
         "task_loss_weight max_roi_jitter_ratio box_consistency_loss_weight color_consistency_loss_weight "
         "color_consistency_warmup_steps color_consistency_warmup_start augmented_self_supervision_max_translation "
         "augmented_self_supervision_loss_weight augmented_self_supervision_warmup_start "
         "augmented_self_supervision_warmup_steps pointly_supervised_keypoint_loss_weight",
         not_negative},
    rule{"DeepMACMaskEstimation",
         "dim pixel_embedding_dim mask_size num_init_channels postprocess_crop_size color_consistency_dilation", count},
    rule{"DeepMACMaskEstimation", "allowed_masked_classes_ids mask_num_subsamples", any},
    rule{"DeepMACMaskEstimation", "color_consistency_threshold augmented_self_supervision_flip_probability", share},
    rule{"DeepMACMaskEstimation", "augmented_self_supervision_scale_min augmented_self_supervision_scale_max",
         positive},

    // eval.proto
    rule{"EvalConfig", "batch_size", count},
    rule{"EvalConfig", "num_visualizations num_examples eval_interval_secs max_evals max_num_boxes_to_visualize",
         not_negative},
    rule{"EvalConfig", "min_score_threshold recall_lower_bound recall_upper_bound", share},
    rule{"KeypointLabelToSigmasEntry", "value", positive},
    rule{"KeypointEdge", "start end", not_negative},

    // faster_rcnn.proto
    rule{"FasterRcnn",
         "number_of_stages num_classes first_stage_atrous_rate first_stage_box_predictor_kernel_size "
         "first_stage_box_predictor_depth first_stage_minibatch_size first_stage_max_proposals initial_crop_size "
         "maxpool_kernel_size maxpool_stride second_stage_batch_size",
         count},
    rule{"FasterRcnn",
         "first_stage_positive_balance_fraction first_stage_nms_score_threshold first_stage_nms_iou_threshold "
         "second_stage_balance_fraction",
         share},
    rule{
        "FasterRcnn",
        "first_stage_localization_loss_weight first_stage_objectness_loss_weight second_stage_localization_loss_weight "
        "second_stage_classification_loss_weight second_stage_mask_prediction_loss_weight",
        not_negative},
    rule{"FasterRcnnFeatureExtractor", "first_stage_features_stride pad_to_multiple", count},
    rule{"Context",
         "max_num_context_features attention_bottleneck_dimension context_feature_length num_attention_heads "
         "num_attention_layers",
         count},
    rule{"Context", "attention_temperature", positive},

    // feature_pyramid.proto
    rule{"FeaturePyramidNetworks", "min_level max_level", not_negative},
    rule{"FeaturePyramidNetworks", "additional_layer_depth", count},
    rule{"BidirectionalFeaturePyramidNetworks", "min_level max_level", not_negative},
    rule{"BidirectionalFeaturePyramidNetworks", "num_iterations num_filters", count},

    // graph_rewriter.proto
    rule{"Quantization", "delay", not_negative},
    rule{"Quantization", "weight_bits activation_bits", bits},

    // hyperparams.proto
    rule{"L1Regularizer", "weight", not_negative},
    rule{"L2Regularizer", "weight", not_negative},
    rule{"TruncatedNormalInitializer", "mean", any},
    rule{"TruncatedNormalInitializer", "stddev", positive},
    rule{"RandomNormalInitializer", "mean", any},
    rule{"RandomNormalInitializer", "stddev", positive},
    rule{"VarianceScalingInitializer", "factor", positive},
    rule{"BatchNorm", "decay", share},
    rule{"BatchNorm", "epsilon", positive},

    // image_resizer.proto
    rule{"KeepAspectRatioResizer", "min_dimension max_dimension", count},
    rule{"KeepAspectRatioResizer", "per_channel_pad_value", any},
    rule{"FixedShapeResizer", "height width", count},
    rule{"ConditionalShapeResizer", "size_threshold", count},
    rule{"PadToMultipleResizer", "multiple", count},

    // input_reader.proto
    rule{"InputReader", "sample_1_of_n_examples max_number_of_boxes", count},
    rule{"InputReader",
         "num_epochs shuffle_buffer_size filenames_shuffle_buffer_size num_readers num_parallel_batches "
         "num_prefetch_batches queue_capacity min_after_dequeue read_block_length prefetch_size num_parallel_map_calls "
         "num_additional_channels num_keypoints keypoint_type_weight sample_from_datasets_weights",
         not_negative},
    rule{"InputReader", "frame_index", any},

    // losses.proto
    rule{"Loss", "classification_weight localization_weight min_num_negative_samples desired_negative_sampling_ratio",
         not_negative},
    rule{"EqualizationLoss", "weight", not_negative},
    rule{"WeightedSmoothL1LocalizationLoss", "delta", positive},
    rule{"SigmoidFocalClassificationLoss", "gamma", not_negative},
    rule{"SigmoidFocalClassificationLoss", "alpha", share},
    rule{"WeightedSoftmaxClassificationLoss", "logit_scale", positive},
    rule{"WeightedSoftmaxClassificationAgainstLogitsLoss", "logit_scale", positive},
    rule{"BootstrappedSigmoidClassificationLoss", "alpha", share},
    rule{"PenaltyReducedLogisticFocalLoss", "alpha beta", not_negative},
    rule{"HardExampleMiner", "num_hard_examples max_negatives_per_positive min_negatives_per_image", not_negative},
    rule{"HardExampleMiner", "iou_threshold", share},
    rule{"RandomExampleSampler", "positive_sample_fraction", share},

    // model.proto
    rule{"Ssd", "num_classes", count},
    rule{"Ssd", "negative_class_weight implicit_example_weight", not_negative},
    rule{"MaskHead", "mask_height mask_width mask_loss_sample_size initial_crop_size", count},
    rule{"MaskHead", "mask_prediction_conv_depth mask_prediction_num_conv_layers mask_loss_weight", not_negative},
    rule{"SsdFeatureExtractor", "depth_multiplier", positive},
    rule{"SsdFeatureExtractor", "min_depth", not_negative},
    rule{"SsdFeatureExtractor", "pad_to_multiple num_layers", count},

    // optimizer.proto
    rule{"Optimizer", "moving_average_decay", share},
    rule{"RMSPropOptimizer", "momentum_optimizer_value decay", share},
    rule{"RMSPropOptimizer", "epsilon", positive},
    rule{"MomentumOptimizer", "momentum_optimizer_value", share},
    rule{"AdamOptimizer", "epsilon", positive},
    rule{"ConstantLearningRate", "learning_rate", some_share},
    rule{"ExponentialDecayLearningRate", "initial_learning_rate decay_factor", some_share},
    rule{"ExponentialDecayLearningRate", "burnin_learning_rate min_learning_rate", share},
    rule{"ExponentialDecayLearningRate", "decay_steps", count},
    rule{"ExponentialDecayLearningRate", "burnin_steps", not_negative},
    rule{"LearningRateSchedule", "step", count},
    rule{"LearningRateSchedule", "learning_rate", share},
    rule{"ManualStepLearningRate", "initial_learning_rate", share},
    rule{"CosineDecayLearningRate", "learning_rate_base", some_share},
    rule{"CosineDecayLearningRate", "warmup_learning_rate", share},
    rule{"CosineDecayLearningRate", "total_steps", count},
    rule{"CosineDecayLearningRate", "warmup_steps hold_base_rate_steps", not_negative},

    // post_processing.proto
    rule{"PostProcessing", "logit_scale", positive},
    rule{"BatchNonMaxSuppression", "score_threshold iou_threshold", share},
    rule{"BatchNonMaxSuppression", "max_detections_per_class max_total_detections max_classes_per_detection", count},
    rule{"BatchNonMaxSuppression", "soft_nms_sigma", not_negative},
    rule{"ClassIdXyPairsMapEntry", "key", not_negative},
    rule{"ClassIdSigmoidParametersMapEntry", "key", not_negative},
    rule{"TemperatureScalingCalibration", "scaler", positive},
    rule{"XYPair", "x y", any},
    rule{"SigmoidParameters", "a b", any},

    // preprocessor.proto
    rule{"NormalizeImage", "original_minval original_maxval target_minval target_maxval", any},
    rule{"RandomHorizontalFlip", "keypoint_flip_permutation", any},
    rule{"RandomHorizontalFlip", "probability", share},
    rule{"RandomVerticalFlip", "keypoint_flip_permutation", any},
    rule{"RandomVerticalFlip", "probability", share},
    rule{"RandomRotation90", "keypoint_rot_permutation", any},
    rule{"RandomRotation90", "probability", share},
    rule{"RandomPixelValueScale", "minval maxval", not_negative},
    rule{"RandomImageScale", "min_scale_ratio max_scale_ratio", positive},
    rule{"RandomRGBtoGray", "probability", share},
    rule{"RandomAdjustBrightness", "max_delta", share},
    rule{"RandomAdjustContrast", "min_delta max_delta", not_negative},
    rule{"RandomAdjustHue", "max_delta", share},
    rule{"RandomAdjustSaturation", "min_delta max_delta", not_negative},
    rule{"RandomDistortColor", "color_ordering", first_two},
    rule{"RandomJitterBoxes", "ratio", not_negative},
    rule{"RandomCropImage", "min_object_covered min_area max_area overlap_thresh random_coef", share},
    rule{"RandomCropImage", "min_aspect_ratio max_aspect_ratio", positive},
    rule{"RandomPadImage", "min_image_height min_image_width max_image_height max_image_width", not_negative},
    rule{"RandomPadImage", "pad_color", any},
    rule{"RandomAbsolutePadImage", "max_height_padding max_width_padding", not_negative},
    rule{"RandomAbsolutePadImage", "pad_color", any},
    rule{"RandomCropPadImage", "min_object_covered min_area max_area overlap_thresh random_coef", share},
    rule{"RandomCropPadImage", "min_aspect_ratio max_aspect_ratio min_padded_size_ratio max_padded_size_ratio",
         positive},
    rule{"RandomCropPadImage", "pad_color", any},
    rule{"RandomCropToAspectRatio", "aspect_ratio", positive},
    rule{"RandomCropToAspectRatio", "overlap_thresh", share},
    rule{"RandomBlackPatches", "max_black_patches", not_negative},
    rule{"RandomBlackPatches", "probability size_to_image_ratio", share},
    rule{"RandomResizeMethod", "target_height target_width", count},
    rule{"ResizeImage", "new_height new_width", count},
    rule{"SubtractChannelMean", "means", any},
    rule{"SSDRandomCropOperation", "min_object_covered min_area max_area overlap_thresh random_coef", share},
    rule{"SSDRandomCropOperation", "min_aspect_ratio max_aspect_ratio", positive},
    rule{"SSDRandomCropPadOperation", "min_object_covered min_area max_area overlap_thresh random_coef", share},
    rule{"SSDRandomCropPadOperation", "min_aspect_ratio max_aspect_ratio min_padded_size_ratio max_padded_size_ratio",
         positive},
    rule{"SSDRandomCropPadOperation", "pad_color_r pad_color_g pad_color_b", any},
    rule{"SSDRandomCropFixedAspectRatio", "aspect_ratio", positive},
    rule{"SSDRandomCropFixedAspectRatioOperation", "min_object_covered min_area max_area overlap_thresh random_coef",
         share},
    rule{"SSDRandomCropPadFixedAspectRatio", "aspect_ratio min_padded_size_ratio max_padded_size_ratio", positive},
    rule{"SSDRandomCropPadFixedAspectRatioOperation", "min_object_covered min_area max_area overlap_thresh random_coef",
         share},
    rule{"SSDRandomCropPadFixedAspectRatioOperation", "min_aspect_ratio max_aspect_ratio", positive},
    rule{"ConvertClassLogitsToSoftmax", "temperature", positive},
    rule{"RandomSelfConcatImage", "concat_vertical_probability concat_horizontal_probability", share},
    rule{"DropLabelProbabilistically", "label", not_negative},
    rule{"DropLabelProbabilistically", "drop_probability", share},
    rule{"RemapLabels", "original_labels new_label", not_negative},
    rule{"RandomJpegQuality", "random_coef", share},
    rule{"RandomJpegQuality", "min_jpeg_quality max_jpeg_quality", percent},
    rule{"RandomDownscaleToTargetPixels", "random_coef", share},
    rule{"RandomDownscaleToTargetPixels", "min_target_pixels max_target_pixels", count},
    rule{"RandomPatchGaussian", "random_coef", share},
    rule{"RandomPatchGaussian", "min_patch_size max_patch_size", count},
    rule{"RandomPatchGaussian", "min_gaussian_stddev max_gaussian_stddev", not_negative},
    rule{"RandomSquareCropByScale", "max_border", not_negative},
    rule{"RandomSquareCropByScale", "scale_min scale_max", positive},
    rule{"RandomSquareCropByScale", "num_scales", count},
    rule{"RandomScaleCropAndPadToSquare", "output_size", count},
    rule{"RandomScaleCropAndPadToSquare", "scale_min scale_max", positive},
    rule{"AdjustGamma", "gamma gain", not_negative},

    // target_assigner.proto
    rule{"FasterRcnnBoxCoder", "y_scale x_scale height_scale width_scale", positive},
    rule{"KeypointBoxCoder", "num_keypoints", not_negative},
    rule{"KeypointBoxCoder", "y_scale x_scale height_scale width_scale", positive},
    rule{"MeanStddevBoxCoder", "stddev", positive},
    rule{"SquareBoxCoder", "y_scale x_scale length_scale", positive},
    rule{"ArgMaxMatcher", "matched_threshold unmatched_threshold", share},
    rule{"ThresholdedIouSimilarity", "iou_threshold", share},

    // train.proto
    rule{"TrainConfig", "batch_size max_number_of_boxes", count},
    rule{"TrainConfig",
         "num_steps keep_checkpoint_every_n_hours gradient_clipping_by_norm startup_delay_steps bias_grad_multiplier "
         "replicas_to_aggregate batch_queue_capacity num_batch_queue_threads prefetch_queue_capacity",
         not_negative},
};

}  // namespace odt::detail::ranges
