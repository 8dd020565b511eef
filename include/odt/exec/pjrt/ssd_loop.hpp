// SPDX-License-Identifier: MIT
// Train steps of an SSD by one call of an accelerator.
#pragma once

#include <odt/detectors/step_loop.hpp>
#include <odt/exec/pjrt/ssd_step.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace odt::pjrt {

template <class Detector, class Axes>
class ssd_loop final : public step_loop {
 public:
  ssd_loop(Detector& model, ssd_step<Axes>& step, int steps) : model_(model), step_(step), steps_(steps) {}

  /// Where the detector is an SSD of that type, on an accelerator.
  static std::unique_ptr<step_loop> make(detector& model, int steps) {
    auto* const own = dynamic_cast<Detector*>(&model);
    auto* const step = own ? dynamic_cast<ssd_step<Axes>*>(&own->device()) : nullptr;
    return step ? std::make_unique<ssd_loop>(*own, *step, steps) : nullptr;
  }

  std::vector<step_report> train(std::span<const batch> group, std::size_t first, std::size_t count) override {
    const std::int64_t begin = model_.global_step();
    std::vector<float> rates;
    for (std::size_t i = 0; i < count; ++i)
      rates.push_back(model_.opts().rate.at(begin + static_cast<std::int64_t>(i)));
    std::vector<step_report> reports = step_.train_group(group, first, rates, begin, steps_);
    for (std::size_t i = 0; i < reports.size(); ++i) {
      reports[i].learning_rate = rates[i];
      if (reports[i].finite) model_.set_global_step(begin + static_cast<std::int64_t>(i) + 1);
    }
    return reports;
  }
  void announce(std::span<const batch> next) override { step_.announce_group(next); }

 private:
  Detector& model_;
  ssd_step<Axes>& step_;
  int steps_;
};

}  // namespace odt::pjrt
