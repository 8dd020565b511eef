// SPDX-License-Identifier: MIT
// Which checkpoints of a directory exist: TensorFlow's `checkpoint` state file, and what to keep when new ones come.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// The `checkpoint` file. Paths are as in the file: relative ones are meant from its directory.
struct checkpoint_state {
  std::string newest;              ///< model_checkpoint_path
  std::vector<std::string> all;    ///< all_model_checkpoint_paths, oldest first
  std::vector<double> timestamps;  ///< of `all`, seconds since 1970; may be empty
  double last_preserved = 0;       ///< when the last checkpoint was kept for good
};

/// Reads directory/checkpoint; nothing when there is none.
std::optional<checkpoint_state> read_checkpoint_state(const std::string& directory);

/// Writes directory/checkpoint, atomically.
void write_checkpoint_state(const std::string& directory, const checkpoint_state& state);

/// A checkpoint that is whole, and what was unusual about finding it: empty, or a sentence for people.
struct found_checkpoint {
  std::string prefix, remark;
};

/// The newest whole checkpoint of the directory: the one that its state file names, else the next older one of that
/// file. A path that leads elsewhere is looked up by its name in the directory first, which may have been moved or
/// copied. Where the state file is missing or names none that is whole, that of the most steps in the directory.
std::optional<found_checkpoint> find_checkpoint(const std::string& directory);

/// Removes the data files of checkpoints whose saving was killed before its index was written: those without an index
/// that the state file does not name. Says how many.
int remove_headless_data(const std::string& directory);

/// The prefix of find_checkpoint's.
std::optional<std::string> latest_checkpoint(const std::string& directory);

/// The number behind the last "-" of a prefix ("model.ckpt-60": 60); nothing when there is none.
std::optional<std::int64_t> checkpoint_step(std::string_view prefix);

/// How good a checkpoint was found to be.
struct measurement {
  std::string metric;  ///< its tag
  double value = 0;
  std::uint64_t data = 0;        ///< a fingerprint of what it was measured on; 0: not known
  bool lower_is_better = false;  ///< a loss

  /// Whether it says something, and more than a value of the same metric.
  bool better_than(double other) const;
  /// It is -1 or not a number where there are no boxes.
  bool says_something() const;
};

struct checkpoint_keeper_options {
  int keep = 5;                         ///< the newest so many; 0 keeps all
  double every_n_hours = 10000;         ///< besides, one each so many hours is kept for good
  std::string best_directory = "best";  ///< below the keeper's directory
};

/// Names, lists and removes the checkpoints of a directory. It removes only what it (or a run before it) listed in the
/// state file, only within the directory, and only after the state file no longer names it.
class checkpoint_keeper {
 public:
  using options = checkpoint_keeper_options;

  /// Continues from the state file of the directory when there is one; makes the directory when there is none.
  explicit checkpoint_keeper(std::string directory, options how = {});

  /// Where to write the checkpoint of a step: directory/model.ckpt-N.
  std::string prefix(std::int64_t step) const;

  /// The checkpoint at `prefix` is complete: lists it as the newest and removes what is too old. `now` in seconds since
  /// 1970.
  void saved(const std::string& prefix, double now);
  void saved(const std::string& prefix);

  /// Copies the checkpoint to best_directory/model.ckpt-N when the value is better than that of the best so far, which
  /// it replaces; says whether it did. A value that is not finite or below 0 (a metric of no boxes) is no best; the
  /// best of other data does not count, which is said. Value and data are kept inside the copy as the tensors
  /// "odt/best/<metric>" and "odt/best/data", so that a resumed run knows them.
  bool offer_best(const std::string& prefix, const measurement& of);

  /// The best value so far of that metric, if any.
  std::optional<double> best(const std::string& metric) const;

  const std::string& directory() const { return directory_; }
  std::vector<std::string> checkpoints() const;  ///< prefixes, oldest first

 private:
  std::string directory_;
  options options_;
  checkpoint_state state_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/checkpoint_keeper.ipp>
#endif
