// SPDX-License-Identifier: MIT
#pragma once

#include <odt/config/pipeline.hpp>
#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/detectors/axes.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/event_file.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_writer.hpp>
#include <odt/io/sha256.hpp>
#include <odt/io/tfrecord.hpp>
#include <odt/label/child.hpp>
#include <odt/label/learning.hpp>
#include <odt/label/round_json.ipp>
#include <odt/label/suggestions.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <utility>

namespace odt::labelling {

namespace detail {

ODT_INLINE std::string rounds_file(const learning_options& how) {
  return join_path(how.model_dir, "label_rounds.jsonl");
}

ODT_INLINE std::vector<round_result> read_rounds(const std::string& path) {
  std::vector<round_result> rounds;
  if (!file_exists(path)) return rounds;
  const std::string text = read_file(path);
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) try {
      rounds.push_back(round_of(nlohmann::json::parse(text.substr(at, end - at))));
    } catch (const std::exception& wrong) {
      warn(path, ": a line is no round, and passed over: ", wrong.what());
    }
  return rounds;
}

ODT_INLINE std::string record_path(const learning_options& how, std::int64_t version, const char* set) {
  return join_path(how.data_dir, str(version, "_", set, ".record"));
}

/// The versions of the files of a folder that end so.
ODT_INLINE std::vector<std::int64_t> versions_of(const std::string& folder, std::string_view ending) {
  std::vector<std::int64_t> versions;
  for (const std::string& path : matching_files(str(join_path(glob_of(folder), "*"), ending))) {
    const std::string name = odt::detail::last_part(path);
    if (const auto version = version_number(name.substr(0, name.size() - ending.size()))) versions.push_back(*version);
  }
  return versions;
}

/// The last values of the tags of mAP in an evaluation's event files.
ODT_INLINE void read_metrics(const std::string& directory, std::int64_t step, round_result& result) {
  for (const std::string& path : matching_files(join_path(glob_of(directory), "events.out.tfevents.*"))) {
    event_reader reader(path);
    for (event e; reader.next(e);) {
      if (e.what != event::kind::scalar || e.step != step) continue;
      if (e.tag.ends_with("Precision/mAP")) result.map = e.value;
      if (e.tag.ends_with("Precision/mAP@.50IOU") || e.tag.ends_with("Precision/mAP@0.5IOU")) result.map50 = e.value;
    }
  }
}

/// A cosine schedule ends, and a training that goes on as long as people label does not: its mean rate is taken
/// instead.
ODT_INLINE std::string endless_schedule(pipeline& config) {
  for (const char* optimizer : {"rms_prop_optimizer", "momentum_optimizer", "adam_optimizer"}) {
    const std::string path = str("train_config.optimizer.", optimizer, ".learning_rate.cosine_decay_learning_rate");
    const settings* cosine = odt::detail::find_message(config.root(), path);
    if (!cosine) continue;
    const double rate = cosine->get<double>("learning_rate_base") / 2;
    config.merge(str("train_config { optimizer { ", optimizer,
                     " { learning_rate { constant_learning_rate { learning_rate: ", rate, " } } } } }"));
    return str("the cosine schedule of the learning rate would end, and labelling does not: its mean, ", rate,
               ", is taken throughout");
  }
  return {};
}

/// The example of an accepted photo; nothing, and a warning, where it cannot be used.
ODT_INLINE std::optional<example> example_of(annotation_store& store, std::size_t number, const label_map& classes) {
  const photo& p = store.photos()[number];
  try {
    const photo_labels now = store.get(number);
    if (!is_accepted(now.row.state)) return std::nullopt;
    annotation labels;
    labels.path = p.labels;
    labels.filename = odt::detail::last_part(p.path);
    labels.size = now.size;
    labels.objects = now.objects;
    prepared_picture made = prepare_picture(labels, p.path, classes, labels_of_turned::upright);
    for (const conversion_problem& problem : made.problems) warn(problem.text);
    return std::move(made.record);
  } catch (const error& wrong) {
    warn(p.name, ": is not trained with: ", wrong.what());
    return std::nullopt;
  }
}

}  // namespace detail

/// What a round trains with.
struct learner::round_data {
  std::int64_t version = 0;
  int photos = 0, trained = 0, held_out = 0, boxes = 0;
  std::string label_map;
  std::unordered_map<std::size_t, std::int64_t> revisions;
};

ODT_INLINE bool is_held_out(std::string_view id, double share) {
  const std::string digest = sha256(str("held out ", id)).substr(0, 8);
  std::uint32_t number = 0;
  std::from_chars(digest.data(), digest.data() + digest.size(), number, 16);
  return static_cast<double>(number) / 4294967296. < share;
}

ODT_INLINE std::vector<std::int64_t> superfluous(std::vector<std::int64_t> numbers, int keep,
                                                 const std::vector<std::string>& in_use) {
  std::ranges::sort(numbers);
  numbers.resize(numbers.size() - std::min(numbers.size(), static_cast<std::size_t>(std::max(keep, 1))));
  std::erase_if(numbers, [&](std::int64_t n) { return std::ranges::find(in_use, std::to_string(n)) != in_use.end(); });
  return numbers;
}

ODT_INLINE learner::learner(annotation_store& store, learning_options how,
                            std::function<std::vector<std::string>()> in_use)
    : store_(store), how_(std::move(how)), in_use_(std::move(in_use)) {
  if (how_.export_dir.empty()) how_.export_dir = join_path(how_.model_dir, "export");
  if (how_.data_dir.empty()) how_.data_dir = join_path(how_.model_dir, "data");
  if (how_.program.empty()) how_.program = {own_program()};
  for (const std::string& directory : {how_.model_dir, how_.export_dir, how_.data_dir}) make_directories(directory);
  config_path_ = join_path(how_.model_dir, "label_pipeline.config");
  pipeline::load(how_.pipeline_config_path);  // what cannot be read is refused at once
  status_.rounds = detail::read_rounds(detail::rounds_file(how_));
  status_.next_at = how_.update_every;
  recall();
  status_.fresh = count_fresh();
}

ODT_INLINE void learner::start() {
  thread_ = std::thread([this] { run(); });
}

ODT_INLINE learner::~learner() { stop(); }

ODT_INLINE void learner::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

ODT_INLINE void learner::begin_round() {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  wake_.notify_all();
}

ODT_INLINE int learner::count_fresh() const {
  int fresh = 0;
  const auto rows = store_.rows();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto learned = learned_.find(i);
    fresh += is_accepted(rows[i].state) && (learned == learned_.end() || learned->second != rows[i].revision);
  }
  return fresh;
}

ODT_INLINE void learner::note_change() {
  {
    const std::lock_guard lock(mutex_);
    status_.fresh = count_fresh();
  }
  wake_.notify_all();
  tell();
}

ODT_INLINE learning_status learner::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

ODT_INLINE void learner::on_change(std::function<void()> listener) {
  const std::lock_guard lock(mutex_);
  changed_ = std::move(listener);
}

ODT_INLINE void learner::tell() const {
  std::function<void()> listener;
  {
    const std::lock_guard lock(mutex_);
    listener = changed_;
  }
  if (listener) listener();
}

ODT_INLINE void learner::set_phase(std::string phase, std::string message) {
  {
    const std::lock_guard lock(mutex_);
    status_.phase = std::move(phase);
    status_.message = std::move(message);
  }
  tell();
}

ODT_INLINE bool learner::due() const { return wanted_ || status_.fresh >= how_.update_every; }

ODT_INLINE void learner::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || due(); });
      if (stopping_) return;
      wanted_ = false;
    }
    try {
      one_round();
      set_phase("waiting");
    } catch (const std::exception& wrong) {
      set_phase("failed", wrong.what());
    }
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
  }
}

ODT_INLINE void learner::one_round() {
  const auto start = std::chrono::steady_clock::now();
  last_lines_.clear();
  set_phase("records");
  const auto newest = numbered_directories(how_.export_dir);
  const auto clock = static_cast<std::int64_t>(seconds_now());
  const round_data data = write_records(newest.empty() ? clock : std::max(clock, newest.back().number + 1));
  {
    const std::lock_guard lock(mutex_);
    learned_ = data.revisions;  // also where it fails: the same photos would fail again
    status_.fresh = count_fresh();
  }
  remember(data);
  if (data.trained == 0) fail("of ", data.photos, " accepted photos all are held out for evaluation; accept some more");
  write_config(data);
  const std::string prefix = train(data);
  round_result result{.version = data.version,
                      .step = checkpoint_step(prefix).value_or(0),
                      .photos = data.photos,
                      .held_out = data.held_out,
                      .boxes = data.boxes,
                      .map = {},
                      .map50 = {}};
  if (how_.run_eval && data.held_out > 0) evaluate(data, prefix, result);
  export_version(data, prefix);
  result.time = seconds_now();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  keep_result(result);
  collect_garbage(prefix);
}

ODT_INLINE label_map learner::classes_to_learn() {
  if (!how_.label_map.empty()) return label_map::read(how_.label_map);
  const std::string own = join_path(how_.model_dir, "label_map.pbtxt");
  if (file_exists(own)) return label_map::read(own);
  label_map made = label_map::from_names(how_.classes.empty() ? store_.classes() : how_.classes);
  if (made.empty()) fail("there are no classes yet; draw a box, or give --label");
  made.write(own);
  return made;
}

/// All photos that are accepted now; photos that cannot be used are left out with a warning.
ODT_INLINE learner::round_data learner::write_records(std::int64_t version) {
  round_data data{.version = version, .label_map = how_.label_map, .revisions = {}};
  const label_map classes = classes_to_learn();
  if (data.label_map.empty()) data.label_map = join_path(how_.model_dir, "label_map.pbtxt");
  record_writer train(detail::record_path(how_, version, "train")), held_out(detail::record_path(how_, version, "val"));
  const auto rows = store_.rows();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!is_accepted(rows[i].state)) continue;
    data.revisions[i] = rows[i].revision;
    const std::optional<example> record = detail::example_of(store_, i, classes);
    if (!record) continue;
    const bool held = is_held_out(store_.photos()[i].id, how_.held_out);
    (held ? held_out : train).write(serialize_example(*record));
    ++data.photos;
    ++(held ? data.held_out : data.trained);
    data.boxes += static_cast<int>(record->objects.size());
    const std::lock_guard lock(mutex_);
    if (stopping_) fail("stopped");
  }
  if (data.photos == 0) fail("no photo is accepted yet");
  if (data.trained > 0) train.commit();
  if (data.held_out > 0) held_out.commit();
  return data;
}

ODT_INLINE void learner::write_config(const round_data& data) {
  pipeline config = pipeline::load(how_.pipeline_config_path);
  if (!how_.config_override.empty()) config.merge(how_.config_override);
  if (!how_.hparams_overrides.empty()) config.apply_hparams(how_.hparams_overrides);
  if (const std::string remark = detail::endless_schedule(config); !remark.empty() && status_.rounds.empty())
    info(remark);
  if (config.root().at("eval_input_reader").children.empty())
    config.merge("eval_input_reader { tf_record_input_reader { } shuffle: false }");
  const std::string train = detail::record_path(how_, data.version, "train"),
                    val = data.held_out > 0 ? detail::record_path(how_, data.version, "val") : train;
  const auto absolute = [](const std::string& path) { return std::filesystem::absolute(path).string(); };
  config.apply_hparam("train_input_path", {absolute(train)});
  config.apply_hparam("eval_input_path", {absolute(val)});
  config.apply_hparam("label_map_path", {absolute(data.label_map)});
  config.apply_hparam("num_classes", {std::to_string(label_map::read(data.label_map).max_id())});
  if (how_.eval_steps > 0)
    config.apply_hparams(
        str("eval_config.num_examples=", std::min<std::int64_t>(how_.eval_steps, std::max(data.held_out, 1))));
  write_file(config_path_, config.text());
}

ODT_INLINE void learner::read_line(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    long long step = 0, last = 0;
    double loss = 0;
    const std::string text(line);
    if (std::sscanf(text.c_str(), "step %lld/%lld loss %lf", &step, &last, &loss) == 3)
      status_.step = step, status_.last_step = last, status_.loss = loss;
    status_.message = text;
    last_lines_ += text + "\n";
    if (last_lines_.size() > 4000) last_lines_.erase(0, last_lines_.find('\n', 2000) + 1);
  }
  tell();
}

/// Runs a command of the program; its output goes to a log, whose end is told where it fails.
ODT_INLINE void learner::call(const std::vector<std::string>& words) {
  std::vector<std::string> command = how_.program;
  command.insert(command.end(), words.begin(), words.end());
  const std::string log_path = join_path(how_.model_dir, "label.log");
  append_writer log(log_path);
  log.write(str("# ", join(command, " "), "\n"));
  child process(command);
  const child_end end = process.follow(
      [&](std::string_view line) {
        log.write(str(line, "\n"));
        log.flush();
        read_line(line);
      },
      [this] {
        const std::lock_guard lock(mutex_);
        return stopping_;
      });
  log.close();
  if (end.well()) return;
  const std::string_view lines = last_lines_;
  const std::size_t error = lines.rfind("odt: error:");
  fail(words[0], " ", end.text(), ": ",
       error == std::string_view::npos ? status().message
                                       : std::string(lines.substr(error, lines.find('\n', error) - error)),
       " (", log_path, ")");
}

ODT_INLINE std::string learner::train(const round_data& data) {
  const auto newest = latest_checkpoint(how_.model_dir);
  const std::int64_t before = newest ? checkpoint_step(*newest).value_or(0) : 0;
  const std::int64_t steps = how_.steps_per_epoch > 0 ? how_.steps_per_epoch : data.photos;
  {
    const std::lock_guard lock(mutex_);
    status_.step = before, status_.last_step = before + steps;
  }
  set_phase("training");
  call({"train", "--pipeline_config_path", config_path_, "--model_dir", how_.model_dir, "--num_train_steps",
        std::to_string(before + steps), "--no_eval", "--on_bad_example", "skip", "--log_every",
        std::to_string(std::max<std::int64_t>(1, steps / 20)), "--threads", std::to_string(how_.threads), "--device",
        how_.device});
  const auto prefix = latest_checkpoint(how_.model_dir);
  if (!prefix) fail(how_.model_dir, ": the training has left no checkpoint there");
  return *prefix;
}

ODT_INLINE void learner::evaluate(const round_data& /*data*/, const std::string& prefix, round_result& result) {
  set_phase("evaluating");
  const std::string directory = join_path(how_.model_dir, "eval_label");
  call({"eval", "--checkpoint", prefix, "--pipeline_config_path", config_path_, "--eval_dir", directory, "--threads",
        std::to_string(how_.threads), "--device", how_.device, "--on_bad_example", "skip"});
  detail::read_metrics(directory, result.step, result);
}

/// Under another name until it is whole, so that nobody loads half of it.
ODT_INLINE void learner::export_version(const round_data& data, const std::string& prefix) {
  namespace fs = std::filesystem;
  set_phase("exporting");
  const std::string unfinished = join_path(how_.export_dir, str("unfinished-", data.version));
  call({"export", "--trained_checkpoint_prefix", prefix, "--pipeline_config_path", config_path_, "--output_directory",
        unfinished, "--no_check", "--overwrite"});
  fs::copy_file(data.label_map, join_path(unfinished, "label_map.pbtxt"), fs::copy_options::overwrite_existing);
  std::error_code code;
  fs::rename(unfinished, join_path(how_.export_dir, std::to_string(data.version)), code);
  if (code) fail(unfinished, ": cannot be given its number: ", code.message());
}

/// Keeps which photos the round has, so that a later run knows what is new.
ODT_INLINE void learner::remember(const round_data& data) {
  nlohmann::json photos = nlohmann::json::object();
  for (const auto& [photo, revision] : data.revisions) photos[store_.photos()[photo].id] = revision;
  write_file(join_path(how_.data_dir, str(data.version, "_photos.json")), photos.dump() + "\n");
}

ODT_INLINE void learner::recall() {
  std::int64_t newest = -1;
  for (const std::int64_t version : detail::versions_of(how_.data_dir, "_photos.json"))
    newest = std::max(newest, version);
  if (newest < 0) return;
  const auto photos =
      nlohmann::json::parse(read_file(join_path(how_.data_dir, str(newest, "_photos.json"))), nullptr, false);
  if (!photos.is_object()) return;
  for (const auto& [id, revision] : photos.items())
    if (const auto photo = store_.photos().find(id); photo && revision.is_number_integer())
      learned_[*photo] = revision.get<std::int64_t>();
}

ODT_INLINE void learner::keep_result(const round_result& result) {
  append_writer file(detail::rounds_file(how_));
  file.write(detail::round_json(result).dump() + "\n");
  file.close();
  const std::lock_guard lock(mutex_);
  status_.rounds.push_back(result);
}

ODT_INLINE void learner::collect_garbage(const std::string& prefix) {
  namespace fs = std::filesystem;
  const auto used = in_use_ ? in_use_() : std::vector<std::string>();
  std::error_code ignored;
  std::vector<std::int64_t> exports;
  for (const auto& [number, path] : numbered_directories(how_.export_dir)) exports.push_back(number);
  for (const std::int64_t number : superfluous(exports, how_.temp_files_num, used)) {
    // First another name: a reader sees all of a version, or none of it.
    const std::string path = join_path(how_.export_dir, std::to_string(number)),
                      gone = join_path(how_.export_dir, str("unfinished-", number));
    fs::rename(path, gone, ignored);
  }
  for (fs::directory_iterator at(how_.export_dir, ignored), end; !ignored && at != end; at.increment(ignored))
    if (at->path().filename().string().starts_with("unfinished-")) fs::remove_all(at->path(), ignored);
  for (const std::int64_t number :
       superfluous(detail::versions_of(how_.data_dir, "_photos.json"), how_.temp_files_num, {})) {
    for (const char* set : {"train", "val"}) remove_file(detail::record_path(how_, number, set));
    remove_file(join_path(how_.data_dir, str(number, "_photos.json")));
  }
  checkpoint_keeper(how_.model_dir, {.keep = how_.max_checkpoints_num}).saved(prefix);
}

}  // namespace odt::labelling
