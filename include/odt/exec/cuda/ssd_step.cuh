// SPDX-License-Identifier: MIT
// An SSD's train step, evaluation and detection on a GPU. Kernels are instantiated for the policies that they inline,
// never for the detector. A train step is one CUDA graph: the host launches it, copies the batch of the next step while
// it runs, and reads a report.
#pragma once

#include <odt/exec/cuda/assign.cuh>
#include <odt/exec/cuda/batch_buffers.hpp>
#include <odt/exec/cuda/graph.hpp>
#include <odt/exec/cuda/memory.hpp>
#include <odt/exec/cuda/mining.hpp>
#include <odt/exec/cuda/plan_memory.hpp>
#include <odt/exec/cuda/post_processing.cuh>
#include <odt/exec/cuda/runner.hpp>
#include <odt/exec/cuda/ssd_loss.cuh>
#include <odt/exec/cuda/store_mirror.hpp>
#include <odt/exec/cuda/update.cuh>
#include <odt/exec/step.hpp>
#include <odt/nn/cost.hpp>
#include <odt/ssd/devices.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace odt::cuda {

/// Bytes that are left to CUDA itself: kernels that it loads when they are first launched, graphs, and what allocations
/// are rounded up by.
inline constexpr std::int64_t cuda_reserve = std::int64_t{256} << 20;

template <class Axes>
class ssd_step final : public device_step {
 public:
  /// The references must outlive the step.
  ssd_step(const ssd_options<Axes>& options, const network& net, const variable_layout& layout, const run_options& run,
           ssd_post_processing post_processing)
      : options_(options),
        net_(net),
        layout_(layout),
        seed_(run.seed),
        post_processing_(std::move(post_processing)),
        compute_(run.compute.value_or(precision::bf16)),
        runner_(make_runner(net, layout, compute_)),
        stores_(layout, slot_count(options), scalar_count(options), options.update.average),
        pieces_(cut(layout.variables, layout.trainable_floats)),
        header_(1),
        device_header_(1),
        report_(1),
        device_report_(1) {}

  step_report train(const batch& b, float learning_rate, std::int64_t step) override {
    per_size& sized = prepare(b, run_mode::train);
    header_[0] = {rate_of(learning_rate), static_cast<std::uint64_t>(step)};
    run(sized, [&] { launch_train(sized); });
    if (report_[0].update.finite) advance_scalars();
    stores_.written_on_device();
    return report_of(b, report_[0].update.regularization_loss, true);
  }

  void announce(const batch& next) override { announced_ = &next; }

  step_report evaluate(const batch& b) override {
    per_size& sized = prepare(b, run_mode::infer);
    run_uncaptured([&] {
      launch_forward(sized);
      launch_losses(sized, nullptr, nullptr);
      measure_gradients(stream_, options_.update, pieces_.view(), stores_.values(), nullptr, nullptr,
                        &device_report_.data()->update);
    });
    return report_of(b, options_.update.regularize ? report_[0].update.regularization_loss : 0.0, false);
  }

  std::vector<detections> detect(const batch& b) override {
    per_size& sized = prepare(b, run_mode::infer);
    if (!post_processes(run_mode::infer)) return detect_on_host(b, sized);
    detections_.upload(stream_, b);
    run_uncaptured([&] {
      launch_forward(sized);
      launch_post_processing(sized);
      detections_.download(stream_);
    });
    return detections_.found();
  }

  void forward(const batch& b) override {
    per_size& sized = prepare(b, run_mode::infer);
    run_uncaptured([&] { launch_forward(sized); });
  }

  std::string first_non_finite_layer(const batch& b) override {
    runner_->keep_all(true);
    per_size& sized = prepare(b, run_mode::train);
    device_array<float> values(stores_.values_size());  // batch norm would move the averages
    check(cudaMemcpyAsync(values.data(), stores_.values(), values.bytes(), cudaMemcpyDeviceToDevice, stream_),
          "cudaMemcpyAsync");
    read_images(sized);
    runner_->forward(stream_, values.data(), {seed_, &device_header_.data()->step});
    std::string first;
    for (int l = 0; l < net_.size() && first.empty(); ++l) {
      const std::vector<float> output = runner_->output(l);
      if (!std::ranges::all_of(output, [](float x) { return std::isfinite(x); })) first = net_[l].name;
    }
    runner_->keep_all(false);
    return first;
  }

  bool makes_images() const override { return true; }

  variable_stores stores() override { return stores_.on_host(stream_); }

  std::int64_t arena_bytes() const override { return static_cast<std::int64_t>(runner_->bytes()); }

  std::int64_t planned_bytes() const override {
    std::size_t bytes = runner_->bytes() + stores_.bytes() + pieces_.bytes() + targets_.bytes() + scratch_.bytes() +
                        detections_.bytes();
    for (const auto& s : sizes_) bytes += s->buffers.bytes() + s->device_anchors.bytes();
    return static_cast<std::int64_t>(bytes);
  }

  memory_forecast foresee(std::span<const step_shape> steps) const override {
    const std::size_t size = compute_ == precision::bf16 ? sizeof(bf16) : sizeof(float);
    const std::int64_t running = runner_bytes(net_, layout_, steps, size, multiprocessors());
    const auto beside = static_cast<std::int64_t>(stores_.bytes() + pieces_.bytes() + sized_bytes(steps));
    return {running + beside, std::max<std::int64_t>(free_memory() - cuda_reserve, 0) + planned_bytes(), true};
  }

  double device_seconds() const override { return last_seconds_; }

  void observe(step_observer observer) override {
    observer_ = std::move(observer);
    runner_->observer = {};
    if (!observer_) return;
    runner_->observer = [this](const plan_operation& op, float milliseconds) {
      const operation_cost cost = cost_of(net_, runner_->current(), op);
      observer_({net_[op.layer].name, std::string(name_of(op.kind)), static_cast<double>(milliseconds) * 1e-3,
                 static_cast<double>(cost.flops), static_cast<double>(cost.bytes)});
    };
  }

  /// For tests that look into a step.
  runner& network_runner() { return *runner_; }

 private:
  /// What changes from step to step.
  struct step_header {
    float rate = 0;
    std::uint64_t step = 0;
  };

  /// What a step leaves for the host.
  struct device_report {
    ssd_losses_report losses;
    device_update_report update;
  };

  /// What depends on the sizes of a batch.
  struct per_size {
    int batch, max_boxes;
    size2 image;
    std::vector<boxf> anchors;
    device_array<boxf> device_anchors;
    batch_buffers buffers;
    std::array<graph, 2> train;  ///< of each of the buffers' turns
    int runs = 0;
    int generation = -1;
  };

  static int slot_count(const ssd_options<Axes>& o) {
    return std::visit([](const auto& how) { return static_cast<int>(how.slots.size()); }, o.optimizer);
  }
  static int scalar_count(const ssd_options<Axes>& o) {
    return std::visit([](const auto& how) { return static_cast<int>(how.scalars.size()); }, o.optimizer);
  }

  /// Sees to the memory for a batch of that shape, and copies it unless that was done while the last step ran.
  per_size& prepare(const batch& b, run_mode mode) {
    runner_->prepare(b.size, {b.height, b.width}, mode);
    per_size& sized = find_size(b);
    targets_.reserve({b.size, static_cast<int>(sized.anchors.size()), runner_->current().code_size}, generation_);
    reserve_scratch(sized, post_processes(mode));
    if (post_processes(mode)) detections_.reserve(b.size, lists_of(static_cast<int>(sized.anchors.size())).total);
    stores_.to_device(stream_);
    const bool copied = mode == run_mode::train && copied_ == &b && copied_sample_ == b.first_sample;
    if (mode == run_mode::train) copied_ = nullptr;
    if (copied)
      sized.buffers.take_next();
    else
      sized.buffers.upload(stream_, b);
    return sized;
  }

  /// What is wrong with an announced batch is said when its own step copies it again.
  void copy_announced() {
    const batch* next = std::exchange(announced_, nullptr);
    if (!next) return;
    try {
      find_size(*next).buffers.upload_next(copies_, *next);
      copied_ = next, copied_sample_ = next->first_sample;
    } catch (const error&) {
      copied_ = nullptr;
    }
  }

  per_size& find_size(const batch& b) {
    const auto found = std::ranges::find_if(sizes_, [&b](const auto& s) {
      return s->batch == b.size && s->image == size2{b.height, b.width} && s->max_boxes == b.max_boxes &&
             s->buffers.raw() == !b.raws.empty();
    });
    if (found != sizes_.end()) return **found;
    const size2 image{b.height, b.width};
    const std::vector<size2> maps = feature_map_sizes(net_, image);
    std::vector<boxf> anchors =
        std::visit([&](const auto& generator) { return generator.generate(maps, image); }, options_.anchor_generator);
    device_array<boxf> on_device(anchors.size());
    check(cudaMemcpy(on_device.data(), anchors.data(), on_device.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
    sizes_.push_back(std::make_unique<per_size>(
        per_size{b.size, b.max_boxes, image, std::move(anchors), std::move(on_device), batch_buffers(b), {}, 0, -1}));
    return *sizes_.back();
  }

  /// Of assignment, losses and post-processing, which take turns.
  std::size_t scratch_bytes(int batch, int anchors, int max_boxes, bool detects) const {
    const std::int64_t assigning = std::visit(
        [&]<class M>(const M&) { return assign_scratch_bytes<M>(batch, anchors, max_boxes); }, options_.matcher);
    const std::int64_t losing = ssd_loss_scratch_bytes(batch, anchors, options_.loss.miner.has_value());
    const std::int64_t detecting =
        detects ? post_processing_scratch_bytes(options_.post_processing, batch, anchors, options_.num_classes) : 0;
    return static_cast<std::size_t>(std::max({assigning, losing, detecting}));
  }

  /// What targets, scratch memory, batches and their anchors will take.
  std::size_t sized_bytes(std::span<const step_shape> steps) const {
    std::size_t bytes = 0, scratch = 0, found = 0;
    target_sizes targets;
    for (auto step = steps.begin(); step != steps.end(); ++step) {
      const int anchors = anchor_count(net_, step->image);
      targets.include({step->batch, anchors, code_size()});
      const bool detects = post_processes(step->trains ? run_mode::train : run_mode::infer);
      scratch = std::max(scratch, scratch_bytes(step->batch, anchors, step->max_boxes, detects));
      if (detects) found = std::max(found, detection_buffers::bytes_for(step->batch, lists_of(anchors).total));
      const auto same = [step](const step_shape& s) {
        return s.batch == step->batch && s.image == step->image && s.max_boxes == step->max_boxes && s.raw == step->raw;
      };
      if (std::any_of(steps.begin(), step, same)) continue;
      const bool trains = std::any_of(step, steps.end(), [same](const step_shape& s) { return s.trains && same(s); });
      bytes += batch_buffers::bytes_for(*step, trains ? 2 : 1) + static_cast<std::size_t>(anchors) * sizeof(boxf);
    }
    return bytes + targets.bytes() + scratch + found;
  }

  int code_size() const {
    return std::visit([]<class C>(const C&) { return C::code_size; }, options_.box_coder);
  }

  /// Whether steps of that mode may make detections on the device.
  bool post_processes(run_mode mode) const {
    return mode == run_mode::infer && suppresses_on_device(options_.post_processing.suppression);
  }
  nms_lists lists_of(int anchors) const {
    return {options_.post_processing.suppression, anchors, options_.num_classes};
  }

  void reserve_scratch(const per_size& sized, bool detects) {
    const std::size_t bytes =
        scratch_bytes(sized.batch, static_cast<int>(sized.anchors.size()), sized.max_boxes, detects);
    if (scratch_.size() >= bytes) return;
    scratch_ = {};
    scratch_ = device_array<std::byte>(bytes);
    ++generation_;
  }

  int generation() const { return generation_ + runner_->generation(); }

  /// A new size runs uncaptured; when it returns, it is captured.
  template <class Launch>
  void run(per_size& sized, const Launch& launch) {
    if (sized.generation != generation()) sized.train = {}, sized.runs = 0, sized.generation = generation();
    if (observer_ || sized.runs++ == 0) return run_uncaptured(launch);
    graph& train = sized.train[sized.buffers.turn()];
    if (!train) train.capture(stream_, launch);
    time_and_wait([&] { train.launch(stream_); });
  }

  template <class Launch>
  void run_uncaptured(const Launch& launch) {
    time_and_wait([&] {
      launch();
      check(cudaMemcpyAsync(report_.data(), device_report_.data(), sizeof(device_report), cudaMemcpyDeviceToHost,
                            stream_),
            "cudaMemcpyAsync");
    });
  }

  template <class Launch>
  void time_and_wait(const Launch& launch) {
    clock_.begin(stream_);
    launch();
    clock_.end(stream_);
    copy_announced();
    stream_.wait();
    copies_.wait();
    last_seconds_ = clock_.seconds();
  }

  void read_images(per_size& sized) {
    if (sized.buffers.raw()) {
      const part timed(*this, "make images");
      sized.buffers.make_images(stream_);
    }
    runner_->read_images(stream_, sized.buffers.images());
  }

  void launch_forward(per_size& sized) {
    read_images(sized);
    runner_->forward(stream_, stores_.values(), {seed_, &device_header_.data()->step});
  }

  void launch_train(per_size& sized) {
    check(cudaMemcpyAsync(device_header_.data(), header_.data(), sizeof(step_header), cudaMemcpyHostToDevice, stream_),
          "cudaMemcpyAsync");
    launch_forward(sized);
    launch_losses(sized, runner_->logits_gradient(), runner_->encodings_gradient());
    runner_->backward(stream_, stores_.values(), stores_.gradients());
    const part timed(*this, "update");
    std::visit(
        [&](const auto& how) {
          update(stream_, how, options_.update, &device_header_.data()->rate, pieces_.view(), stores_.device(),
                 &device_report_.data()->losses, &device_report_.data()->update);
        },
        options_.optimizer);
    check(
        cudaMemcpyAsync(report_.data(), device_report_.data(), sizeof(device_report), cudaMemcpyDeviceToHost, stream_),
        "cudaMemcpyAsync");
  }

  void launch_assign(per_size& sized, int anchors) {
    const part timed(*this, "assign targets");
    std::visit(
        [&](const auto& compare, const auto& match, const auto& coder) {
          assign(stream_, compare, match, coder, sized.buffers.truth(), sized.device_anchors.data(), anchors,
                 options_.loss.negative_class_weight, scratch_.data(), targets_.view());
        },
        options_.similarity, options_.matcher, options_.box_coder);
  }

  void launch_losses(per_size& sized, float* logits_gradient, float* encodings_gradient) {
    const int anchors = static_cast<int>(sized.anchors.size());
    launch_assign(sized, anchors);
    const part timed(*this, "loss");
    const ssd_loss_input input{
        sized.batch,     anchors,           runner_->current().class_slots, runner_->logits(), runner_->encodings(),
        logits_gradient, encodings_gradient};
    std::visit(
        [&](const auto& classes, const auto& boxes, const auto& coder) {
          ssd_loss(stream_, classes, boxes, coder, options_.loss, sized.device_anchors.data(), input, targets_.view(),
                   scratch_.data(), &device_report_.data()->losses);
        },
        options_.classification_loss, options_.localization_loss, options_.box_coder);
  }

  std::vector<detections> detect_on_host(const batch& b, per_size& sized) {
    run_uncaptured([&] { launch_forward(sized); });
    const std::size_t rows = static_cast<std::size_t>(b.size) * sized.anchors.size();
    const auto slots = static_cast<std::size_t>(runner_->current().class_slots);
    std::vector<float> encodings(rows * static_cast<std::size_t>(runner_->current().code_size)), logits(rows * slots);
    download(encodings, runner_->encodings());
    download(logits, runner_->logits());
    return post_processing_(b, {encodings.data(), logits.data(), static_cast<int>(slots), sized.anchors});
  }

  void launch_post_processing(per_size& sized) {
    const part timed(*this, "post-processing");
    const ssd_predictions input{sized.batch,
                                static_cast<int>(sized.anchors.size()),
                                runner_->current().class_slots,
                                options_.loss.add_background_class,
                                runner_->encodings(),
                                runner_->logits(),
                                detections_.windows()};
    std::visit(
        [&](const auto& coder) {
          post_process(stream_, coder, sized.device_anchors.data(), options_.post_processing, input, scratch_.data(),
                       detections_.on_device());
        },
        options_.box_coder);
  }

  /// The optimizer's scalars live on the host.
  float rate_of(float learning_rate) {
    return std::visit(
        [&]<optimizer O>(const O& how) {
          optimizer_scalars<O> scalars{};
          std::copy_n(stores_.scalars().begin(), scalars.size(), scalars.begin());
          return how.rate(learning_rate, scalars);
        },
        options_.optimizer);
  }

  void advance_scalars() {
    std::visit(
        [&]<optimizer O>(const O& how) {
          optimizer_scalars<O> scalars{};
          std::copy_n(stores_.scalars().begin(), scalars.size(), scalars.begin());
          how.advance(scalars);
          std::ranges::copy(scalars, stores_.scalars().begin());
        },
        options_.optimizer);
  }

  void download(std::vector<float>& to, const float* from) {
    check(cudaMemcpy(to.data(), from, to.size() * sizeof(float), cudaMemcpyDeviceToHost), "cudaMemcpy");
  }

  step_report report_of(const batch& b, double penalty, bool trained) const {
    const ssd_losses_report& losses = report_[0].losses;
    const device_update_report& updated = report_[0].update;
    step_report report;
    report.losses = {{"Loss/classification_loss", losses.classification},
                     {"Loss/localization_loss", losses.localization},
                     {"Loss/regularization_loss", static_cast<float>(penalty)}};
    report.total_loss = losses.classification + losses.localization + static_cast<float>(penalty);
    if (trained) {
      report.gradient_norm = static_cast<float>(updated.gradient_norm);
      report.finite = updated.finite != 0;
    }
    double boxes = 0;
    for (const int n : b.counts) boxes += n;
    const auto mean = [&b](double count) { return static_cast<float>(count / b.size); };
    report.details = {{"TargetAssignment/AvgNumGroundtruthBoxesPerImage", mean(boxes)},
                      {"TargetAssignment/AvgNumPositiveAnchorsPerImage", mean(losses.positives)},
                      {"TargetAssignment/AvgNumNegativeAnchorsPerImage", mean(losses.negatives)},
                      {"TargetAssignment/AvgNumIgnoredAnchorsPerImage", mean(losses.ignored)}};
    if (options_.loss.miner) {
      report.details.push_back({"HardExampleMiner/NumPositives", mean(losses.mined_positives)});
      report.details.push_back({"HardExampleMiner/NumNegatives", mean(losses.mined_negatives)});
    }
    return report;
  }

  /// Times a part of the step that no plan lists, while somebody observes.
  struct part {
    part(ssd_step& s, const char* name) : step(s), operation(name) {
      if (step.observer_) step.part_clock_.begin(step.stream_);
    }
    ~part() {
      if (!step.observer_) return;
      step.part_clock_.end(step.stream_);
      cudaStreamSynchronize(step.stream_);
      step.observer_({{}, operation, step.part_clock_.seconds(), 0, 0});
    }
    part(const part&) = delete;
    part& operator=(const part&) = delete;
    ssd_step& step;
    const char* operation;
  };

  const ssd_options<Axes>& options_;
  const network& net_;
  const variable_layout& layout_;
  std::uint64_t seed_;
  ssd_post_processing post_processing_;
  stream stream_, copies_;
  precision compute_;
  std::unique_ptr<runner> runner_;
  store_mirror stores_;
  device_pieces pieces_;
  pinned_array<step_header> header_;
  device_array<step_header> device_header_;
  pinned_array<device_report> report_;
  device_array<device_report> device_report_;
  device_targets targets_;
  device_array<std::byte> scratch_;
  detection_buffers detections_;
  std::vector<std::unique_ptr<per_size>> sizes_;
  const batch* announced_ = nullptr;  ///< of the step after the next
  const batch* copied_ = nullptr;     ///< lies in its size's next buffers
  std::uint64_t copied_sample_ = 0;
  int generation_ = 0;
  event_clock clock_, part_clock_;
  double last_seconds_ = 0;
  step_observer observer_;
};

/// For ssd_cuda_registry.
template <class Axes>
std::unique_ptr<device_step> make_ssd_step(const ssd_options<Axes>& options, const network& net,
                                           const variable_layout& layout, const run_options& run,
                                           ssd_post_processing post_processing) {
  return std::make_unique<ssd_step<Axes>>(options, net, layout, run, std::move(post_processing));
}

}  // namespace odt::cuda
