// SPDX-License-Identifier: MIT
// A detector that learns from what is accepted while people go on labelling: round after round, all accepted photos
// become records, a process of its own trains, the held-out photos are evaluated, and a new version is exported.
#pragma once

#include <odt/dataset/prepare.hpp>
#include <odt/io/directory_lock.hpp>
#include <odt/io/label_map.hpp>
#include <odt/label/store.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace odt::labelling {

struct learning_options {
  std::string pipeline_config_path;
  std::string hparams_overrides, config_override;
  std::string model_dir;              ///< checkpoints
  std::string export_dir;             ///< versions, in directories called by numbers; empty: model_dir/export
  std::string data_dir;               ///< records; empty: model_dir/data
  std::vector<std::string> classes;   ///< to be learned; empty: those that the store has when the first round begins
  std::string label_map;              ///< a file with them instead
  std::int64_t steps_per_epoch = -1;  ///< of a round; -1: as many as there are accepted photos
  int temp_files_num = 5;             ///< exports, and records, that are kept
  int max_checkpoints_num = 5;
  bool run_eval = true;
  std::int64_t eval_steps = 50;  ///< photos to evaluate on, at most
  int update_every = 10;         ///< accepted photos that begin a round
  double held_out = 0.2;         ///< share of the photos that is evaluated on, and never trained with
  int threads = 0;
  std::string device = "auto";
  std::vector<std::string> program;  ///< what trains; empty: this program
};

/// What a round has made.
struct round_result {
  std::int64_t version = 0;  ///< the export's number
  std::int64_t step = 0;     ///< of training, in all
  int photos = 0;            ///< that were accepted
  int held_out = 0;          ///< of these, evaluated on
  int boxes = 0;
  std::optional<double> map, map50;  ///< COCO's mAP, and mAP at IoU 0.5; none: it was not evaluated
  double time = 0;                   ///< when it was over: seconds since 1970
  double seconds = 0;
};

struct learning_status {
  std::string phase = "waiting";  ///< waiting, records, training, evaluating, exporting, failed
  std::string message;            ///< of the process that works, or why it failed
  std::int64_t step = 0, last_step = 0;
  double loss = 0;
  int fresh = 0;    ///< accepted since the last round began
  int next_at = 0;  ///< how many of them begin one
  std::vector<round_result> rounds;
};

/// Whether a photo is evaluated on: a function of its id and the share alone.
bool is_held_out(std::string_view id, double share);

/// What of the numbers may be removed so that the newest `keep` stay, and those that are in use.
std::vector<std::int64_t> superfluous(std::vector<std::int64_t> numbers, int keep,
                                      const std::vector<std::string>& in_use);

/// One thread. A round that fails is told, and the next one begins with the next accepted photos, or when asked for.
class learner {
 public:
  /// `in_use` names the versions that nobody may remove.
  learner(annotation_store& store, learning_options how, std::function<std::vector<std::string>()> in_use);
  ~learner();
  learner(const learner&) = delete;
  learner& operator=(const learner&) = delete;

  /// Begins to wait for accepted photos; before it nothing is done.
  void start();

  /// Begins a round as soon as the one that goes on is over.
  void begin_round();

  /// A photo has changed.
  void note_change();

  learning_status status() const;
  const learning_options& options() const { return how_; }

  /// Called when the status has changed.
  void on_change(std::function<void()> listener);

  void stop();

 private:
  struct round_data;

  void run();
  bool due() const;
  void one_round();
  round_data write_records(std::int64_t version);
  void write_config(const round_data& data);
  std::string train(const round_data& data);
  void evaluate(const round_data& data, const std::string& prefix, round_result& result);
  void export_version(const round_data& data, const std::string& prefix);
  void collect_garbage(const std::string& prefix);
  void keep_result(const round_result& result);
  void remember(const round_data& data);
  void recall();
  void call(const std::vector<std::string>& words);
  label_map classes_to_learn();
  int count_fresh() const;
  void set_phase(std::string phase, std::string message = {});
  void read_line(std::string_view line);
  void tell() const;

  annotation_store& store_;
  learning_options how_;
  std::function<std::vector<std::string>()> in_use_;
  std::string config_path_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  learning_status status_;
  std::unordered_map<std::size_t, std::int64_t> learned_;  // photos of the last round and their revisions
  std::function<void()> changed_;
  bool wanted_ = false, stopping_ = false;
  std::string last_lines_;
  std::thread thread_;
};

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/learning.ipp>
#endif
