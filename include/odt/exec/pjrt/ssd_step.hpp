// SPDX-License-Identifier: MIT
// The train step of an SSD on an accelerator: a module a shape of batches, a shard a device. The state stays on the
// devices from step to step; the host's step evaluates and detects with a copy of it.
#pragma once

#include <odt/core/picture_job.hpp>
#include <odt/exec/pjrt/plugin.hpp>
#include <odt/exec/pjrt/ssd_step_module.hpp>
#include <odt/exec/recently_used.hpp>
#include <odt/exec/ssd_report.hpp>
#include <odt/exec/step.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace odt::pjrt {

template <class Axes>
class ssd_step final : public device_step {
 public:
  /// The references must outlive the step.
  ssd_step(const ssd_options<Axes>& options, const network& net, const variable_layout& layout, const run_options& run,
           std::unique_ptr<device_step> host)
      : options_(options),
        net_(net),
        layout_(layout),
        compute_(run.compute.value_or(precision::fp32)),
        replicas_(run.shards),
        host_(std::move(host)) {
    detail::check_on_accelerator(options);
    if (run.ranks)
      fail("run_options::ranks: an accelerator's replicas are the shards of one process; train without ranks, with ",
           "--shards");
    client_ = &load_plugin(plugin_of_device(run.device));
  }

  step_report train(std::span<const batch> shards, float learning_rate, std::int64_t /*step*/) override {
    const auto begin = std::chrono::steady_clock::now();
    sized& s = size_of(shards[0]);
    upload_state();
    std::vector<arrays> arguments = state_;
    const float rate = of_optimizer([&](const auto& how, auto& scalars) { return how.rate(learning_rate, scalars); });
    for (std::size_t r = 0; r < shards.size(); ++r) {
      const int device = static_cast<int>(r);
      const arrays sent = r < sent_.size() && sent_[r].first == &shards[r] ? sent_[r].second : send(shards[r], device);
      arguments[r].insert(arguments[r].end(), sent.begin(), sent.end());
      arguments[r].push_back(client_->upload({&rate, 1}, {}, device));
    }
    state_.clear(), on_devices_ = on_host_ = false;  // a step that fails takes the state with it
    std::vector<arrays> results = s.step->run(arguments, [this] { send_announced(); });
    std::array<float, step_number_count> numbers{};
    client_->download(*results[0].back(), numbers);
    for (arrays& r : results) r.pop_back();
    state_ = std::move(results), on_devices_ = true;
    if (numbers[finite_number] > 0)
      of_optimizer([](const auto& how, auto& scalars) { return how.advance(scalars), 0; });
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (observer_) observer_({"", "step", seconds_, 0, 0});
    return report_of(numbers, shards[0].size * replicas_);
  }

  void announce(const batch& next) override { announced_.push_back(&next); }
  step_report evaluate(const batch& b) override { return with_variables().evaluate(b); }
  std::vector<detections> detect(const batch& b) override { return with_variables().detect(b); }
  void forward(const batch& b) override { with_variables().forward(b); }
  std::string first_non_finite_layer(const batch& b) override { return with_variables().first_non_finite_layer(b); }

  variable_stores stores() override {
    download_state();
    on_devices_ = false;  // the caller may write
    return host_->stores();
  }
  std::int64_t arena_bytes() const override { return last_ ? last_->step->memory().temporary : 0; }
  std::int64_t planned_bytes() const override { return last_ ? last_->step->memory().all() : 0; }
  memory_forecast foresee(std::span<const step_shape> /*steps*/) const override { return {}; }
  double device_seconds() const override { return seconds_; }
  void observe(step_observer observer) override { observer_ = std::move(observer); }

 private:
  using arrays = std::vector<std::shared_ptr<device_array>>;

  /// A step's program for batches of one shape.
  struct sized {
    step_shape shape;
    std::unique_ptr<program> step;
  };

  sized& size_of(const batch& b) {
    last_ = sizes_.find([&b](const sized& s) {
      return s.shape.batch == b.size && s.shape.image == size2{b.height, b.width} && s.shape.max_boxes == b.max_boxes;
    });
    if (last_) return *last_;
    auto made = std::make_unique<sized>();
    made->shape = {b.size, {b.height, b.width}, b.max_boxes, true, false};
    const step_module module = trace_ssd_step(options_, net_, layout_, made->shape, replicas_, compute_);
    made->step = client_->compile(module.text, replicas_, module.results);
    return *(last_ = &sizes_.add(std::move(made)));
  }

  /// Calls body(variable's shape, its numbers) for all of the state, in the module's order.
  template <class Body>
  void each_of_state(const Body& body) {
    const variable_stores s = host_->stores();
    for (const variable& v : layout_.variables) {
      const extents shape(v.shape.begin(), v.shape.end());
      const auto part = [&v](std::span<float> store) {
        return store.subspan(static_cast<std::size_t>(v.offset), static_cast<std::size_t>(v.size));
      };
      body(shape, part(s.values));
      if (!v.trainable || v.offset >= layout_.trainable_floats) continue;
      for (const std::span<float> slot : s.slots) body(shape, part(slot));
      if (!s.averages.empty()) body(shape, part(s.averages));
    }
  }

  void require_state() const {
    if (!on_host_ && !on_devices_ && state_.empty())
      fail("a step failed on the accelerator, and the variables went with it; go on from the last checkpoint");
  }

  void upload_state() {
    if (on_devices_) return;
    require_state();
    state_.assign(static_cast<std::size_t>(replicas_), {});
    for (int r = 0; r < replicas_; ++r)
      each_of_state([&](const extents& shape, std::span<const float> values) {
        state_[static_cast<std::size_t>(r)].push_back(client_->upload(values, shape, r));
      });
    on_devices_ = true;
  }

  void download_state() {
    if (on_host_) return;
    require_state();
    std::size_t number = 0;
    each_of_state([&](const extents&, std::span<float> values) { client_->download(*state_[0][number++], values); });
    on_host_ = true;
  }

  device_step& with_variables() {
    download_state();
    host_->stores();  // it keeps weights in other forms too
    return *host_;
  }

  /// A batch in a device's memory.
  arrays send(const batch& b, int device) {
    const std::int64_t images = b.size, rows = b.max_boxes;
    arrays to;
    const auto add = [&](std::span<const float> values, const extents& shape) {
      to.push_back(client_->upload(values, shape, device));
    };
    add(images_of(b), {images, b.height, b.width, 3});
    static_assert(sizeof(boxf) == 4 * sizeof(float));
    add({reinterpret_cast<const float*>(b.boxes.data()), 4 * b.boxes.size()}, {images, rows, 4});
    const std::vector<float> classes(b.classes.begin(), b.classes.end()), counts(b.counts.begin(), b.counts.end());
    add(classes, {images, rows});
    add(b.weights, {images, rows});
    add(counts, {images, 1});
    return to;
  }

  /// What the next step is to get; what is wrong with it is said there.
  void send_announced() {
    sent_.clear();
    for (const batch* const next : std::exchange(announced_, {})) try {
        sent_.emplace_back(next, send(*next, static_cast<int>(sent_.size())));
      } catch (const error&) {
        return;
      }
  }

  std::span<const float> images_of(const batch& b) {
    if (b.raws.empty()) return b.images;
    check_raws(b);
    const std::ptrdiff_t floats = std::ptrdiff_t{3} * b.height * b.width;
    made_images_.resize(static_cast<std::size_t>(b.size * floats));
    resize_scratch scratch;
    for (int i = 0; i < b.size; ++i) make_image(b, i, made_images_.data() + i * floats, scratch);
    return made_images_;
  }

  /// use(optimizer, its scalars)
  template <class Use>
  auto of_optimizer(const Use& use) {
    return std::visit(
        [&]<optimizer O>(const O& how) {
          const std::span<float> kept = host_->stores().scalars;
          optimizer_scalars<O> scalars{};
          std::copy_n(kept.begin(), scalars.size(), scalars.begin());
          const float result = static_cast<float>(use(how, scalars));
          std::copy_n(scalars.begin(), scalars.size(), kept.begin());
          return result;
        },
        options_.optimizer);
  }

  step_report report_of(const std::array<float, step_number_count>& n, int images) const {
    step_report report;
    report.losses = {{"Loss/classification_loss", n[classification_loss_number]},
                     {"Loss/localization_loss", n[localization_loss_number]},
                     {"Loss/regularization_loss", n[penalty_number]}};
    report.total_loss = n[classification_loss_number] + n[localization_loss_number] + n[penalty_number];
    report.gradient_norm = n[norm_number];
    report.finite = n[finite_number] > 0;
    const ssd_counts counts{
        n[boxes_number], n[matched_boxes_number], n[positives_number], n[negatives_number], n[ignored_number], 0, 0};
    report.details = ssd_details(counts, images, false);
    return report;
  }

  const ssd_options<Axes>& options_;
  const network& net_;
  const variable_layout& layout_;
  precision compute_;
  int replicas_;
  std::unique_ptr<device_step> host_;
  client* client_ = nullptr;
  recently_used<sized, 8> sizes_;
  sized* last_ = nullptr;
  std::vector<arrays> state_;                          ///< by replica
  bool on_devices_ = false, on_host_ = true;           ///< where the newest state is
  std::vector<const batch*> announced_;                ///< of the step after the next, a shard each
  std::vector<std::pair<const batch*, arrays>> sent_;  ///< of the next step
  std::vector<float> made_images_;
  step_observer observer_;
  double seconds_ = 0;
};

template <class Axes>
std::unique_ptr<device_step> make_ssd_step(const ssd_options<Axes>& options, const network& net,
                                           const variable_layout& layout, const run_options& run,
                                           std::unique_ptr<device_step> host) {
  return std::make_unique<ssd_step<Axes>>(options, net, layout, run, std::move(host));
}

}  // namespace odt::pjrt
