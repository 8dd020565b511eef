// SPDX-License-Identifier: MIT
// A detector without its type: what the trainer, the command line and a server drive. odt::ssd<...> is one.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/error.hpp>
#include <odt/core/pixel_transform.hpp>
#include <odt/core/precision.hpp>
#include <odt/core/settings.hpp>
#include <odt/image_resizer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

class communicator;
class graph_writer;

/// What a train or evaluation step has to say. Losses are as the API reports them: weighted and normalized.
struct step_report {
  std::vector<std::pair<std::string, float>> losses;  ///< by tag, e.g. {"Loss/localization_loss", 0.5}, without the sum
  float total_loss = 0;
  float learning_rate = 0;
  float gradient_norm = 0;                             ///< before clipping
  std::vector<std::pair<std::string, float>> details;  ///< further summaries by tag, e.g. TargetAssignment/...
  bool finite = true;                                  ///< false: the update was skipped
};

/// One named tensor of a detector's state: a model variable, an optimizer slot, or a moving average.
template <class T>
struct basic_state_tensor {
  std::string name;  ///< as in checkpoints, e.g. ".../weights/Momentum"
  std::vector<int> shape;
  std::span<T> values;
  bool model_variable = true;  ///< false: a slot or an average
  bool trainable = true;
};

using state_tensor = basic_state_tensor<const float>;  ///< to be read
using editable_tensor = basic_state_tensor<float>;
using state_editor = std::function<void(std::span<const editable_tensor>)>;

/// A line of `odt inspect`'s table of a detector's parts.
struct part_description {
  std::string what;    ///< "feature extractor"
  std::string name;    ///< "ssd_mobilenet_v1"
  std::string detail;  ///< "depth_multiplier 1, min_depth 16, ..."
};

/// What `odt inspect` and the trainer's start tell of a detector.
struct detector_description {
  std::vector<part_description> parts;
  std::int64_t parameters = 0;
  std::int64_t multiply_adds = 0;        ///< forward, one image
  std::int64_t train_multiply_adds = 0;  ///< the same in training, where a second stage looks at fewer boxes
  int anchors = 0;
  std::int64_t step_bytes = 0;      ///< of activations and gradients of a train step (the arena)
  std::int64_t variable_bytes = 0;  ///< of variables, gradients, slots and averages
};

/// One operation of a step: how long it took, and the least that it has to do (nn/cost.hpp).
struct operation_time {
  std::string layer;      ///< TensorFlow's name; empty for what belongs to no layer
  std::string operation;  ///< "convolution", "loss"
  double seconds = 0;
  double flops = 0;
  double bytes = 0;
};

/// The shape of the batches of some steps.
struct step_shape {
  int batch = 0;       ///< images
  size2 image;         ///< the network's input
  int max_boxes = 0;   ///< capacity of the ground truth of an image
  bool trains = true;  ///< else evaluates
  bool raw = false;    ///< of raw images
};

/// Memory of a detector's device.
struct memory_forecast {
  std::int64_t needed = 0;     ///< bytes that steps will have taken, what lies there already included; 0: not known
  std::int64_t available = 0;  ///< bytes that the detector may take, what it has already included; 0: not known
  bool on_gpu = false;         ///< there, more cannot be had
};

/// Run-time choices that no pipeline.config makes.
struct run_options {
  std::uint64_t seed = 0;
  int threads = 0;                     ///< of the train step; 0: all of the machine's
  std::string device = "cpu";          ///< "cpu", "cuda", "auto" (a GPU where there is one), "tpu", "pjrt:PLUGIN"
  std::optional<precision> compute{};  ///< of the convolutions; when not given, the device's own: fp32 on a CPU
  communicator* ranks = nullptr;       ///< that every step is taken together with; must outlive the detector
  int shards = 1;                      ///< batches of each step of this process
  bool sync_batch_norm = false;        ///< statistics of the batches of all ranks, one shard each; else of a shard
};

/// Whether run_options::device is an accelerator with a PJRT plugin: "tpu", or "pjrt:" and the plugin's file.
inline bool is_accelerator(std::string_view device) { return device == "tpu" || device.starts_with("pjrt:"); }

/// A scope of a detector's variables that a classifier's checkpoint can begin: below it they have their names there,
/// but for what is said here.
struct feature_extractor_scope {
  std::string name;                                            ///< "SecondStageFeatureExtractor/"
  std::vector<std::pair<std::string, std::string>> renamed{};  ///< beginnings of names: here and there
  std::string suffix{};                                        ///< of each name there
};

/// Of a batch norm.
struct norm_constants {
  float epsilon = 0;
  float decay = 0;     ///< of the moving averages, each step
  bool trains = true;  ///< else the moving averages stay
};

class detector {
 public:
  virtual ~detector() = default;

  virtual int num_classes() const = 0;
  virtual const image_resizer& resizer() const = 0;
  virtual pixel_transform pixels() const = 0;
  /// Sizes, parameters and memory for a batch of that many images of that size (the network's input).
  virtual detector_description describe(int batch, size2 image) const = 0;

  /// Whether its device makes the images of raw batches beside its steps, so that loaders had better leave it to that.
  /// It takes both kinds of batches in any case.
  virtual bool makes_images() const { return false; }

  /// One step: forward, targets, loss, backward, update. The learning rate follows from global_step, which grows by
  /// one.
  virtual step_report train_step(const batch& b) = 0;
  /// The same on run_options::shards batches of one shape, those of all ranks together: one step that has seen all of
  /// their images, where each batch has batch norm's statistics of its own and their mean goes to the moving averages.
  virtual step_report train_shards(std::span<const batch> shards) {
    require_shards(shards, 1);
    return train_step(shards[0]);
  }
  /// Before a train step, says which batch the one after it will get, so that a GPU copies it while it works. The batch
  /// has to lie there unchanged until its own step ends. To announce nothing, or to train on another batch, costs the
  /// wait for a copy.
  virtual void announce(const batch& /*next*/) {}
  /// The losses in evaluation mode; changes nothing.
  virtual step_report evaluate(const batch& b) = 0;
  /// Detections of every image of the batch, boxes normalized to the original images.
  virtual std::vector<detections> detect(const batch& b) = 0;
  /// Detections of one picture: resized and preprocessed as the config says.
  virtual detections detect(const image& picture) = 0;

  /// Everything that a checkpoint holds but the global step, to be read. Spans stay valid for the detector's life.
  virtual std::vector<state_tensor> state() = 0;
  /// The same in the same order, to be written by `edit`, and by nobody once it has returned: what a device keeps of
  /// the variables in other forms is made anew after it.
  virtual void edit_state(const state_editor& edit) = 0;
  virtual std::int64_t global_step() const = 0;
  virtual void set_global_step(std::int64_t step) = 0;

  /// The scopes that a fine_tune_checkpoint is asked for. Where variables of two have the same name in a classifier's
  /// checkpoint, those of the later scope are restored.
  virtual std::vector<feature_extractor_scope> feature_extractor_scopes() const {
    return {{"FeatureExtractor/"}, {"FirstStageFeatureExtractor/"}, {"SecondStageFeatureExtractor/"}};
  }

  /// The norm whose variable is called that (".../BatchNorm/gamma"); nothing where there is none.
  virtual std::optional<norm_constants> norm_of(std::string_view /*variable*/) const { return std::nullopt; }

  /// Whether the config keeps moving averages of the trainable variables.
  virtual bool has_averages() const = 0;
  /// Exchanges the trainable variables with their moving averages (evaluation with averages; call again to go back).
  virtual void swap_averages() = 0;
  /// Makes the averages equal to the variables, as at the start of a run (after a restore that had none).
  virtual void reset_averages() = 0;

  /// After a step that was not finite: the first layer of a forward run over the batch whose output is not, or empty.
  virtual std::string first_non_finite_layer(const batch& b) = 0;

  /// The memory that steps of these shapes will need, before the first of them. Allocates nothing.
  virtual memory_forecast foresee(std::span<const step_shape>) const { return {}; }

  /// Writes its inference, image to detections, for another program (export/). A detector that has no words for it
  /// fails.
  virtual void write_inference(graph_writer&) const { fail("this detector cannot be exported"); }

  // For benchmarks; a detector may leave them out.

  /// The network alone in evaluation mode, without what detect() does with its predictions; where there are two stages,
  /// with it.
  virtual void forward(const batch& b) { detect(b); }
  /// A train step, or forward(), timed operation by operation, in their order.
  virtual std::vector<operation_time> profile(const batch&, bool /*forward_only*/) {
    fail("this detector does not time its operations");
  }
  /// Bytes that its steps so far have allocated; 0 when it does not count them.
  virtual std::int64_t planned_bytes() const { return 0; }

 protected:
  static void require_shards(std::span<const batch> shards, int wanted) {
    if (std::cmp_not_equal(shards.size(), wanted))
      fail("a train step got ", shards.size(), " batches; with run_options::shards this detector takes ", wanted);
    for (const batch& b : shards)
      if (b.size != shards[0].size)
        fail("the batches of a train step have ", shards[0].size, " and ", b.size, " images; all shards have as many");
  }
};

/// A detector type that a program was compiled with: how to tell whether a config asks for it, and to make one.
struct detector_type {
  std::string name;                                           ///< "ssd<ssd_mobilenet_v1 | ssd_inception_v2, ...>"
  std::function<std::string(const settings& root)> mismatch;  ///< empty: the config fits; else what does not
  std::function<std::unique_ptr<detector>(const settings& root, const run_options&)> make;
  bool has_cuda = false;  ///< whether it was compiled for GPUs too
};

}  // namespace odt
