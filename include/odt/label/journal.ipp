// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/sha256.hpp>
#include <odt/label/journal.hpp>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace odt::labelling {

namespace detail {

ODT_INLINE nlohmann::ordered_json to_json(const journal_entry& e) {
  nlohmann::ordered_json line{
      {"id", e.id},     {"photo", e.photo},   {"revision", e.revision}, {"state", name_of(e.state)}, {"by", e.by},
      {"time", e.time}, {"before", e.before}, {"after", e.after},       {"boxes", e.boxes}};
  if (e.outside) line["outside"] = true;
  if (e.work.actions || e.work.seconds > 0)
    line["work"] = {{"seconds", e.work.seconds},   {"drawn", e.work.drawn},     {"adjusted", e.work.adjusted},
                    {"accepted", e.work.accepted}, {"removed", e.work.removed}, {"actions", e.work.actions}};
  if (!e.text.empty()) line["xml"] = e.text;
  return line;
}

ODT_INLINE journal_entry entry_of(std::string_view line) {
  const auto json = nlohmann::json::parse(line);
  journal_entry e;
  e.id = json.at("id").get<std::string>();
  e.photo = json.value("photo", "");
  e.revision = json.at("revision").get<std::int64_t>();
  const auto state = state_named(json.at("state").get<std::string>());
  if (!state) fail("state ", json.at("state").get<std::string>(), "; one of ", join(state_names, ", "));
  e.state = *state;
  e.by = json.value("by", "");
  e.time = json.value("time", 0.);
  e.before = json.value("before", "");
  e.after = json.value("after", "");
  e.text = json.value("xml", "");
  e.outside = json.value("outside", false);
  e.boxes = json.value("boxes", 0);
  if (const auto work = json.find("work"); work != json.end())
    e.work = {work->value("seconds", 0.), work->value("drawn", 0),   work->value("adjusted", 0),
              work->value("accepted", 0), work->value("removed", 0), work->value("actions", 0)};
  return e;
}

}  // namespace detail

ODT_INLINE effort& effort::operator+=(const effort& more) {
  seconds += more.seconds;
  drawn += more.drawn;
  adjusted += more.adjusted;
  accepted += more.accepted;
  removed += more.removed;
  actions += more.actions;
  return *this;
}

ODT_INLINE double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

ODT_INLINE std::string digest_of(const std::string& text) {
  return text.empty() ? std::string() : sha256(text).substr(0, 32);
}

ODT_INLINE journal::journal(std::string path) : path_(std::move(path)) {
  make_directories(directory_of(path_));
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path_, ": cannot open: ", std::strerror(errno));
  replay(read_file(path_));
  if (::ftruncate(descriptor_, size_) != 0) fail(path_, ": cannot write: ", std::strerror(errno));
}

ODT_INLINE journal::~journal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

ODT_INLINE void journal::replay(std::string_view text) {
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    ++number;
    if (end == std::string_view::npos) break;
    try {
      journal_entry entry = detail::entry_of(text.substr(at, end - at));
      total_ += entry.work;
      std::string id = entry.id;
      last_[std::move(id)] = std::move(entry);
    } catch (const std::exception& wrong) {
      warn(path_, ":", number, ": is no decision about a photo, and passed over: ", wrong.what());
    }
    at = end + 1;
    size_ = static_cast<std::int64_t>(at);
  }
}

ODT_INLINE void journal::append(const journal_entry& entry) {
  const std::string line = detail::to_json(entry).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (!rest.empty() || ::fdatasync(descriptor_) != 0) {
    const int code = errno;
    if (::ftruncate(descriptor_, size_) != 0) warn(path_, ": cannot take back a cut line: ", std::strerror(errno));
    fail(path_, ": cannot write: ", std::strerror(code));
  }
  size_ += static_cast<std::int64_t>(line.size());
  total_ += entry.work;
  journal_entry& last = last_[entry.id] = entry;
  last.text.clear();
}

}  // namespace odt::labelling
