// SPDX-License-Identifier: MIT
// An append-only file of all decisions, with the XML that each of them wrote: what XML files cannot hold, and what a
// kill between journal and XML file leaves to be done.
#pragma once

#include <odt/label/states.hpp>

#include <cstdint>
#include <string>
#include <unordered_map>

namespace odt::labelling {

/// What a decision has cost a person, since the one before it.
struct effort {
  double seconds = 0;  ///< in which somebody did something
  int drawn = 0;       ///< boxes
  int adjusted = 0;    ///< boxes moved, resized, or given another class
  int accepted = 0;    ///< suggestions that were taken
  int removed = 0;     ///< boxes and suggestions
  int actions = 0;     ///< of the mouse and of keys, in all

  effort& operator+=(const effort& more);
};

/// One decision about one photo.
struct journal_entry {
  std::string id;     ///< of the photo
  std::string photo;  ///< its name, for people
  std::int64_t revision = 0;
  photo_state state = photo_state::untouched;
  std::string by;
  double time = 0;       ///< seconds since 1970
  std::string before;    ///< digest of the XML file that was there; empty: there was none
  std::string after;     ///< of the one that is there now; empty: there is none
  std::string text;      ///< of that file, where it was changed
  bool outside = false;  ///< another program changed the file
  int boxes = 0;
  effort work{};
};

/// Seconds since 1970.
double seconds_now();

/// The digest of a file's bytes; empty for an empty text, which no XML file is.
std::string digest_of(const std::string& text);

class journal {
 public:
  /// Reads the file, if there is one. A last line that was cut by a kill is taken away; other lines that cannot be read
  /// are warned of and passed over.
  explicit journal(std::string path);
  ~journal();
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;

  /// The last decision about each photo, by its id.
  const std::unordered_map<std::string, journal_entry>& last() const { return last_; }

  /// What all decisions about all photos have cost.
  const effort& total() const { return total_; }

  /// Writes a decision; it is on the disk when this returns. After an error nothing of it is there.
  void append(const journal_entry& entry);

 private:
  void replay(std::string_view text);

  std::string path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;  // of whole lines
  std::unordered_map<std::string, journal_entry> last_;
  effort total_;
};

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/journal.ipp>
#endif
