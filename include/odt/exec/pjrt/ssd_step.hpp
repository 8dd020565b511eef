// SPDX-License-Identifier: MIT
// The train step of an SSD on an accelerator: a module a shape of batches, a shard a device; or several steps as one
// module. The state stays on the devices from step to step; the host's step evaluates and detects with a copy of it.
#pragma once

#include <odt/exec/pjrt/batch_transfer.hpp>
#include <odt/exec/pjrt/plugin.hpp>
#include <odt/exec/pjrt/ssd_step_module.hpp>
#include <odt/exec/recently_used.hpp>
#include <odt/exec/ssd_report.hpp>
#include <odt/exec/step.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

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
        seed_(run.seed),
        replicas_(run.shards),
        host_(std::move(host)) {
    detail::check_on_accelerator(options);
    if (run.ranks)
      fail("run_options::ranks: an accelerator's replicas are the shards of one process; train without ranks, with ",
           "--shards");
    client_ = &load_plugin(plugin_of_device(run.device));
  }

  step_report train(std::span<const batch> shards, float learning_rate, std::int64_t step) override {
    const auto begin = std::chrono::steady_clock::now();
    sized& s = size_of(shards[0], 0);
    upload_state();
    const std::vector<float> rates = rates_of({&learning_rate, 1});
    std::vector<arrays> arguments = state_;
    for (std::size_t r = 0; r < shards.size(); ++r) {
      const int device = static_cast<int>(r);
      const arrays sent = r < sent_.size() && sent_[r].first == &shards[r]
                              ? sent_[r].second
                              : transfer_.send(*client_, shards[r], device);
      arguments[r].insert(arguments[r].end(), sent.begin(), sent.end());
      arguments[r].push_back(client_->upload(inputs_of(rates[0], step, device), {step_input_count}, device));
    }
    const std::vector<float> numbers = run(s, arguments, 1, [this] { send_announced(); });
    took(begin, 1);
    return report_of(numbers, shards[0].size * replicas_);
  }

  /// Steps first, first + 1, ... of a group, whose batches lie behind one another, a shard each; by the learning rates,
  /// one a step. At most `most` steps are in a group, and it lies there unchanged from its first step to its last. A
  /// step that is not finite is the last.
  std::vector<step_report> train_group(std::span<const batch> group, std::size_t first, std::span<const float> rates,
                                       std::int64_t step, int most) {
    const auto begin = std::chrono::steady_clock::now();
    sized& s = size_of(group[0], most);
    upload_state();
    const std::vector<arrays>& batches = groups_.of(*client_, group, first == 0, replicas_, most);
    const std::vector<float> scaled = rates_of(rates);
    const std::array<float, 2> range{static_cast<float>(first), static_cast<float>(rates.size())};
    std::vector<arrays> arguments = state_;
    for (std::size_t r = 0; r < arguments.size(); ++r) {
      const int device = static_cast<int>(r);
      std::vector<float> inputs(first * step_input_count);
      for (std::size_t i = 0; i < rates.size(); ++i)
        std::ranges::copy(inputs_of(scaled[i], step + static_cast<std::int64_t>(i), device),
                          std::back_inserter(inputs));
      inputs.resize(static_cast<std::size_t>(most) * step_input_count);
      arguments[r].insert(arguments[r].end(), batches[r].begin(), batches[r].end());
      arguments[r].push_back(client_->upload(inputs, {most, step_input_count}, device));
      for (const float& number : range) arguments[r].push_back(client_->upload({&number, 1}, {}, device));
    }
    const std::vector<float> table =
        run(s, arguments, most, [&] { groups_.send_announced(*client_, replicas_, most); });
    std::vector<step_report> reports;
    for (std::size_t i = 0; i < rates.size() && (reports.empty() || reports.back().finite); ++i)
      reports.push_back(report_of(std::span(table).subspan((first + i) * step_number_count, step_number_count),
                                  group[0].size * replicas_));
    took(begin, reports.size());
    return reports;
  }

  /// Says which group comes after this one.
  void announce_group(std::span<const batch> next) { groups_.announce(next); }

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

  /// The program of a step, or of up to so many, for batches of one shape.
  struct sized {
    step_shape shape;
    int steps = 0;  ///< 0: one, without a loop
    std::unique_ptr<program> step;
  };

  sized& size_of(const batch& b, int steps) {
    last_ = sizes_.find([&b, steps](const sized& s) {
      return s.steps == steps && s.shape.batch == b.size && s.shape.image == size2{b.height, b.width} &&
             s.shape.max_boxes == b.max_boxes;
    });
    if (last_) return *last_;
    auto made = std::make_unique<sized>();
    made->shape = {b.size, {b.height, b.width}, b.max_boxes, true, false};
    made->steps = steps;
    const step_module module =
        steps == 0 ? trace_ssd_step(options_, net_, layout_, made->shape, replicas_, compute_, seed_)
                   : trace_ssd_loop(options_, net_, layout_, made->shape, replicas_, compute_, seed_, steps);
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

  /// Runs a program that makes the state's successor and a table of numbers, of so many steps.
  std::vector<float> run(sized& s, const std::vector<arrays>& arguments, int steps,
                         const std::function<void()>& meanwhile) {
    state_.clear(), on_devices_ = on_host_ = false;  // a step that fails takes the state with it
    std::vector<arrays> results = s.step->run(arguments, meanwhile);
    std::vector<float> numbers(static_cast<std::size_t>(steps) * step_number_count);
    client_->download(*results[0].back(), numbers);
    for (arrays& r : results) r.pop_back();
    state_ = std::move(results), on_devices_ = true;
    for (std::size_t i = finite_number; i < numbers.size(); i += step_number_count)
      if (numbers[i] > 0) of_optimizer([](const auto& how, auto& scalars) { how.advance(scalars); });
    return numbers;
  }

  void took(std::chrono::steady_clock::time_point begin, std::size_t steps) {
    const double all = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    seconds_ = all / static_cast<double>(steps);
    if (observer_) observer_({"", "step", all, 0, 0});
  }

  /// What the next step is to get; what is wrong with it is said there.
  void send_announced() {
    sent_.clear();
    for (const batch* const next : std::exchange(announced_, {})) try {
        sent_.emplace_back(next, transfer_.send(*client_, *next, static_cast<int>(sent_.size())));
      } catch (const error&) {
        return;
      }
  }

  std::array<float, step_input_count> inputs_of(float rate, std::int64_t step, int replica) const {
    const std::int64_t number = step * replicas_ + replica, low = number & ((1 << traced_dropout_key::low_bits) - 1);
    return {rate, static_cast<float>(low), static_cast<float>(number >> traced_dropout_key::low_bits)};
  }

  /// The rates that the optimizer makes of those, a step each.
  std::vector<float> rates_of(std::span<const float> learning_rates) {
    std::vector<float> rates;
    const std::span<float> kept = host_->stores().scalars;
    const std::vector<float> before(kept.begin(), kept.end());
    for (const float rate : learning_rates)
      of_optimizer([&](const auto& how, auto& scalars) {
        rates.push_back(how.rate(rate, scalars));
        how.advance(scalars);
      });
    std::ranges::copy(before, kept.begin());
    return rates;
  }

  /// use(optimizer, its scalars)
  template <class Use>
  void of_optimizer(const Use& use) {
    std::visit(
        [&]<optimizer O>(const O& how) {
          const std::span<float> kept = host_->stores().scalars;
          optimizer_scalars<O> scalars{};
          std::copy_n(kept.begin(), scalars.size(), scalars.begin());
          use(how, scalars);
          std::copy_n(scalars.begin(), scalars.size(), kept.begin());
        },
        options_.optimizer);
  }

  step_report report_of(std::span<const float> n, int images) const {
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
  std::uint64_t seed_;
  int replicas_;
  std::unique_ptr<device_step> host_;
  client* client_ = nullptr;
  recently_used<sized, 8> sizes_;
  sized* last_ = nullptr;
  std::vector<arrays> state_;                          ///< by replica
  bool on_devices_ = false, on_host_ = true;           ///< where the newest state is
  std::vector<const batch*> announced_;                ///< of the step after the next, a shard each
  std::vector<std::pair<const batch*, arrays>> sent_;  ///< of the next step
  batch_transfer transfer_;
  group_transfer groups_;
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
