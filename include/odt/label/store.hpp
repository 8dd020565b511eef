// SPDX-License-Identifier: MIT
// All labels of a set of photos, as several people change them at once: XML files as labelImg writes them, and a
// journal of what these cannot hold. What `save` has returned for survives a kill and a power cut.
#pragma once

#include <odt/dataset/annotation.hpp>
#include <odt/dataset/prepare.hpp>
#include <odt/io/directory_lock.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/label_map.hpp>
#include <odt/label/journal.hpp>
#include <odt/label/photos.hpp>
#include <odt/label/states.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace odt::labelling {

/// What is known of a photo without reading it.
struct photo_row {
  std::int64_t revision = 0;  ///< grows with every change; 0: never changed here
  photo_state state = photo_state::untouched;
  std::vector<int> classes;  ///< of its boxes, as numbers in store::classes()
  std::string by;            ///< who changed it last
  double time = 0;           ///< when: seconds since 1970
  std::string digest;        ///< of its XML file
  std::string problem;       ///< why that cannot be read
};

/// The labels of a photo as they are shown: upright, in whole pixels or not.
struct photo_labels {
  photo_row row;
  size2 size;  ///< of the upright photo
  int orientation = 1;
  std::vector<annotated_object> objects;
  std::vector<std::string> remarks;  ///< what was guessed, and what could not be read
};

/// What somebody wants to be said of a photo.
struct photo_change {
  std::int64_t revision = 0;  ///< that he has seen
  photo_state state = photo_state::draft;
  std::vector<annotated_object> objects;
  std::string by;
  effort work{};
};

/// Thrown where a photo was changed since: its labels now.
struct revision_conflict {
  photo_labels now;
};

struct store_options {
  label_map classes{};  ///< that there are; empty: those of the files, and any that is added
  labels_of_turned turned = labels_of_turned::upright;
  int threads = 0;  ///< that read the files in the beginning
};

/// Thread-safe.
class annotation_store {
 public:
  /// Reads all XML files and the journal, and holds the folder against other processes. `photos` must outlive this.
  annotation_store(const photo_index& photos, const store_options& how);

  const photo_index& photos() const { return photos_; }
  photo_row row(std::size_t photo) const;
  std::vector<photo_row> rows() const;

  /// Reads the labels and the photo's size. Labels that cannot be read are told in the row and as a remark.
  photo_labels get(std::size_t photo);

  /// Takes the change, or throws revision_conflict, or an error that says what is wrong with it: then nothing changed.
  photo_row save(std::size_t photo, const photo_change& change);

  std::vector<std::string> classes() const;
  bool classes_are_given() const { return !how_.classes.empty(); }

  /// Adds a class, where they are not given; whether it is new.
  bool add_class(const std::string& name);

  /// What all decisions so far have cost.
  effort total_effort() const;

  /// Called after each change of a photo, from the thread that made it.
  void on_change(std::function<void(std::size_t)> listener) { changed_ = std::move(listener); }

 private:
  struct file_content;

  void open_rows();
  file_content read_labels(std::size_t photo) const;
  void take_row(std::size_t photo, file_content& file);
  void finish_write(std::size_t photo, const journal_entry& entry, file_content& file) const;
  void note_outside(std::size_t photo, const file_content& file);
  bool notice(std::size_t photo, const file_content& file);
  struct telling;
  image_info info_of(std::size_t photo) const;
  void write(std::size_t photo, const journal_entry& entry, const photo_row& before);
  photo_labels labels_of(std::size_t photo, const file_content& file) const;
  std::string text_for(std::size_t photo, const photo_labels& now, const photo_change& change,
                       const std::string& earlier) const;
  std::vector<annotated_object> checked(std::size_t photo, const photo_change& change, size2 size) const;
  std::vector<int> numbers_of(std::span<const annotated_object> objects);
  int number_of(const std::string& name);
  void set_row(std::size_t photo, photo_row row);
  std::string place(std::size_t photo) const { return photos_[photo].labels; }

  const photo_index& photos_;
  store_options how_;
  directory_lock lock_;
  journal journal_;
  std::mutex saving_;         // guards journal and files
  mutable std::mutex table_;  // guards what follows
  std::vector<photo_row> rows_;
  std::vector<std::string> classes_;
  mutable std::vector<std::optional<image_info>> infos_;  // of photos that lie far away
  std::function<void(std::size_t)> changed_;
};

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/store.ipp>
#endif
