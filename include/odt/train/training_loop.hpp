// SPDX-License-Identifier: MIT
// The loop around train steps: batches in, checkpoints, evaluations, and what a log makes of the steps out.
#pragma once

#include <odt/detector.hpp>
#include <odt/detectors/schedule_follower.hpp>
#include <odt/detectors/step_loop.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/event_file.hpp>
#include <odt/train/best_metric.hpp>
#include <odt/train/evaluator.hpp>
#include <odt/train/export_hooks.hpp>
#include <odt/train/lookahead.hpp>
#include <odt/train/progress.hpp>
#include <odt/train/run_state.hpp>
#include <odt/train/shares.hpp>
#include <odt/train/time_budget.hpp>
#include <odt/train/training_log.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// One set of images that a run is evaluated on.
struct evaluation_set {
  std::string directory;  ///< of its event file, below the model's: "eval_0"
  std::function<evaluation()> run;
};

struct training_loop_options {
  std::string model_dir;
  std::int64_t last_step = 0;        ///< 0: for ever
  double seconds = 0;                ///< trains so long instead, those of the run before included; 0: up to last_step
  std::int64_t schedule_length = 0;  ///< with it, the steps of the schedule, which ends with the time; 0: it has none
  std::int64_t log_every = 100;
  int iterations_per_loop = 1;  ///< steps that the device takes in one go, at most
  std::optional<legacy_log_options>
      legacy{};  ///< the older program's log instead, and a checkpoint before the first step
  double save_secs = 600;
  std::int64_t save_steps = 0;  ///< besides; 0: by time alone
  double eval_secs = 300;       ///< at least so long from one evaluation to the next
  std::int64_t eval_steps = 0;  ///< evaluate (and save) at multiples of it instead; 0: after checkpoints
  std::string metric{};         ///< that tells which checkpoint is best; empty: the headline
  int patience = 0;             ///< so many evaluations without a better one end the run; 0: they do not
  export_hooks hooks{};
  checkpoint_keeper_options keep;
  step_shares shares{};           ///< the stream's batches are this rank's shards
  communicator* ranks = nullptr;  ///< the first one decides for all, and it alone writes files
};

/// How a run ended.
struct training_outcome {
  std::int64_t step = 0;
  int signal = 0;        ///< that stopped it; 0: it reached its end
  bool gave_up = false;  ///< patience was over
};

class training_loop {
 public:
  /// `data` goes on where `run` says that it stands; the run ends when it does. Evaluations may be empty. The detector
  /// and the console outlive the loop.
  training_loop(detector& model, batch_stream data, run_state run, training_loop_options how,
                std::vector<evaluation_set> evaluations, console& out);

  /// Trains up to the last step, until the time or the patience is over, or until it is told to stop (SIGINT, SIGTERM),
  /// with a checkpoint at the end. A loss that is not finite is an error that names the step, the images and the layer;
  /// no checkpoint is written then.
  training_outcome run();

 private:
  using clock = std::chrono::steady_clock;

  /// What is to be done before the next step.
  struct decision {
    int signal = 0;
    bool end = false, save = false, evaluate = false;
    bool bad_data = false;            ///< the next batch cannot be had, here or on another rank
    std::int64_t schedule_step = -1;  ///< of a training of a given time
  };

  bool leads() const { return how_.shares.rank == 0; }
  decision decide() const;
  decision agree();
  bool at_end() const;
  void step();
  std::size_t left() const;
  std::size_t steps_in_one_go() const;
  std::vector<step_report> take_steps();
  [[noreturn]] void fail_for_data();
  void follow_clock(double step_seconds);
  double used() const;
  std::int64_t foreseen_last_step();
  void save();
  void evaluate();
  void evaluate_all();
  void compare_with_best(const evaluation& result);
  bool due_to_save() const;
  bool due_to_evaluate() const;
  [[noreturn]] void fail_not_finite(std::int64_t number, const step_report& report, std::span<const batch> batches);

  detector& model_;
  lookahead data_;
  std::unique_ptr<step_loop> loop_;  ///< null: steps are taken one by one
  std::size_t taken_ = 0;            ///< steps of the current batches
  run_state run_;
  training_loop_options how_;
  std::vector<evaluation_set> evaluations_;
  console& out_;
  checkpoint_keeper keeper_;
  std::string graph_;
  std::unique_ptr<event_writer> events_;
  std::vector<std::unique_ptr<event_writer>> evaluation_events_;
  std::unique_ptr<training_log> log_;
  patience patience_;
  std::optional<time_budget> budget_;
  schedule_follower* follower_ = nullptr;
  running_pace pace_;
  double used_before_ = 0;
  std::int64_t schedule_step_ = -1;
  std::int64_t saved_step_ = -1, evaluated_step_ = -1;
  clock::time_point begin_, last_save_, last_evaluation_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/training_loop.ipp>
#endif
