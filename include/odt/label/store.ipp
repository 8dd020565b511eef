// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/dataset/labelimg.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_system.hpp>
#include <odt/io/image_file.hpp>
#include <odt/label/store.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace odt::labelling {

namespace detail {

/// The state of a photo that another program has labelled.
ODT_INLINE photo_state state_of(const annotation& labels) {
  if (!labels.objects.empty()) return photo_state::accepted;
  return labels.verified ? photo_state::verified_empty : photo_state::draft;
}

ODT_INLINE bool is_gray(const image& picture) {
  for (std::size_t i = 0; i + 2 < picture.pixels.size(); i += 3)
    if (picture.pixels[i] != picture.pixels[i + 1] || picture.pixels[i] != picture.pixels[i + 2]) return false;
  return true;
}

/// The depth that labelImg writes.
ODT_INLINE int depth_of(const std::string& bytes, const std::string& path) {
  return read_image_info(bytes, path).channels < 3 || is_gray(decode_image(bytes, path)) ? 1 : 3;
}

ODT_INLINE std::string class_file(const photo_index& photos) { return join_path(photos.notes(), "classes.txt"); }

}  // namespace detail

/// An XML file's bytes and what they say.
struct annotation_store::file_content {
  std::string text, digest, problem;
  annotation labels{};
};

ODT_INLINE annotation_store::annotation_store(const photo_index& photos, const store_options& how)
    : photos_(photos),
      how_(how),
      lock_(photos.notes(), "labels these photos; open its page, or end it"),
      journal_(join_path(photos.notes(), "journal.jsonl")),
      rows_(photos.size()),
      infos_(photos.size()) {
  const std::string added = detail::class_file(photos);
  const label_map known = !classes_are_given() && file_exists(added) ? label_map::read(added) : how.classes;
  for (const label_map_item& item : known.items()) classes_.push_back(item.name);
  open_rows();
}

ODT_INLINE annotation_store::file_content annotation_store::read_labels(std::size_t photo) const {
  file_content file;
  const std::string& path = photos_[photo].labels;
  if (!file_exists(path)) return file;
  file.text = read_file(path);
  file.digest = digest_of(file.text);
  try {
    file.labels = parse_voc_xml(file.text, path);
  } catch (const error& wrong) {
    file.problem = wrong.what();
  }
  return file;
}

/// Files are read on all threads, a chunk of photos each; what follows from them is settled in order.
ODT_INLINE void annotation_store::open_rows() {
  constexpr std::size_t chunk = 64;
  std::vector<file_content> files(photos_.size());
  thread_pool pool(how_.threads);
  pool.run(static_cast<int>((files.size() + chunk - 1) / chunk), [&](int number, int) {
    const std::size_t first = static_cast<std::size_t>(number) * chunk;
    for (std::size_t i = first; i < std::min(first + chunk, files.size()); ++i) files[i] = read_labels(i);
  });
  for (std::size_t i = 0; i < files.size(); ++i) take_row(i, files[i]);
}

ODT_INLINE void annotation_store::take_row(std::size_t photo, file_content& file) {
  const auto at = journal_.last().find(photos_[photo].id);
  if (at == journal_.last().end()) {
    if (!file.text.empty() || !file.problem.empty()) {
      photo_row row{.state = detail::state_of(file.labels),
                    .classes = numbers_of(file.labels.objects),
                    .by = {},
                    .time = 0,
                    .digest = file.digest,
                    .problem = file.problem};
      if (!file.problem.empty()) row.state = photo_state::draft;
      set_row(photo, std::move(row));
    }
    return;
  }
  const journal_entry last = at->second;
  if (file.digest != last.after && file.digest == last.before && !last.text.empty()) finish_write(photo, last, file);
  set_row(photo,
          {last.revision, last.state, numbers_of(file.labels.objects), last.by, last.time, last.after, file.problem});
  if (file.digest != last.after) note_outside(photo, file);
}

/// The process was killed when the journal had the decision, and the XML file not yet.
ODT_INLINE void annotation_store::finish_write(std::size_t photo, const journal_entry& entry,
                                               file_content& file) const {
  make_directories(directory_of(place(photo)));
  write_file(place(photo), entry.text);
  file = read_labels(photo);
}

/// Another program has changed the labels.
ODT_INLINE void annotation_store::note_outside(std::size_t photo, const file_content& file) {
  photo_row now = row(photo);
  journal_entry entry{.id = photos_[photo].id,
                      .photo = photos_[photo].name,
                      .revision = now.revision + 1,
                      .by = "another program",
                      .time = seconds_now(),
                      .before = now.digest,
                      .after = file.digest,
                      .text = {},
                      .outside = true,
                      .boxes = static_cast<int>(file.labels.objects.size())};
  entry.state = file.text.empty()      ? photo_state::untouched
                : file.problem.empty() ? detail::state_of(file.labels)
                                       : photo_state::draft;
  journal_.append(entry);
  set_row(photo, {entry.revision, entry.state, numbers_of(file.labels.objects), entry.by, entry.time, file.digest,
                  file.problem});
}

/// Whether another program has changed the labels; then it is noted.
ODT_INLINE bool annotation_store::notice(std::size_t photo, const file_content& file) {
  if (file.digest == row(photo).digest) return false;
  note_outside(photo, file);
  return true;
}

/// Tells of a change at its end, when no lock is held any more.
struct annotation_store::telling {
  telling(const annotation_store& s, std::size_t p) : store(s), photo(p) {}
  telling(const telling&) = delete;
  telling& operator=(const telling&) = delete;
  ~telling() {
    if (!due || !store.changed_) return;
    try {
      store.changed_(photo);
    } catch (const std::exception& wrong) {
      warn(store.photos_[photo].name, ": ", wrong.what());
    }
  }

  const annotation_store& store;
  std::size_t photo;
  bool due = false;
};

ODT_INLINE photo_row annotation_store::row(std::size_t photo) const {
  const std::lock_guard lock(table_);
  return rows_.at(photo);
}

ODT_INLINE std::vector<photo_row> annotation_store::rows() const {
  const std::lock_guard lock(table_);
  return rows_;
}

ODT_INLINE void annotation_store::set_row(std::size_t photo, photo_row row) {
  const std::lock_guard lock(table_);
  rows_[photo] = std::move(row);
}

ODT_INLINE photo_labels annotation_store::get(std::size_t photo) {
  telling tell(*this, photo);
  const std::lock_guard lock(saving_);
  const file_content file = read_labels(photo);
  tell.due = notice(photo, file);
  return labels_of(photo, file);
}

/// What a photo's header says; of one that lies in an object store it is asked for once.
ODT_INLINE image_info annotation_store::info_of(std::size_t photo) const {
  const std::string& path = photos_[photo].path;
  if (!is_remote(path)) return read_image_info(read_file(path), path);
  {
    const std::lock_guard lock(table_);
    if (infos_[photo]) return *infos_[photo];
  }
  const image_info info = read_image_info(read_file(path), path);
  const std::lock_guard lock(table_);
  infos_[photo] = info;
  return info;
}

ODT_INLINE photo_labels annotation_store::labels_of(std::size_t photo, const file_content& file) const {
  const struct photo& p = photos_[photo];
  photo_labels result{.row = row(photo), .size = {}, .objects = {}, .remarks = {}};
  image_info info;
  try {
    info = info_of(photo);
  } catch (const error& wrong) {  // it can be rejected still
    result.remarks.push_back(wrong.what());
    result.objects = file.labels.objects;
    return result;
  }
  result.size = info.orientation > 4 ? size2{info.width, info.height} : info.size();
  result.orientation = info.orientation;
  if (file.text.empty()) return result;
  if (!file.problem.empty()) {
    result.remarks.push_back(file.problem);
    return result;
  }
  result.remarks = file.labels.problems;
  try {
    result.objects = upright_labels(file.labels, p.path, info, how_.turned, result.remarks).objects;
  } catch (const error& wrong) {
    result.remarks.push_back(wrong.what());
    result.objects = file.labels.objects;
  }
  return result;
}

ODT_INLINE std::vector<annotated_object> annotation_store::checked(std::size_t photo, const photo_change& change,
                                                                   size2 size) const {
  const auto refuse = [&](std::size_t i, const auto&... why) {
    fail(photos_[photo].name, ": box ", i + 1, " of ", change.objects.size(), ": ", why...);
  };
  const auto known = classes();
  for (std::size_t i = 0; i < change.objects.size(); ++i) {
    const annotated_object& o = change.objects[i];
    const pixel_box& b = o.bounds;
    for (const double side : {b.xmin, b.ymin, b.xmax, b.ymax})
      if (!std::isfinite(side)) refuse(i, "a side is no number");
    if (o.name.empty()) refuse(i, "it has no class");
    if (o.name.find_first_of("\n\r") != std::string::npos) refuse(i, "its class has a line break");
    if (classes_are_given() && std::ranges::find(known, o.name) == known.end())
      refuse(i, "there is no class \"", o.name, "\"; there are ", join(known, ", "));
    if (!(b.xmin < b.xmax) || !(b.ymin < b.ymax)) refuse(i, "it is empty or inverted");
    if (size == size2{}) refuse(i, "the photo cannot be read");
    if (b.xmax <= 0 || b.ymax <= 0 || b.xmin >= size.width || b.ymin >= size.height)
      refuse(i, "it lies outside the photo of ", size.width, "x", size.height, " pixels");
  }
  if (change.state == photo_state::accepted && change.objects.empty())
    fail(photos_[photo].name, ": is accepted without a box; verified_empty says that nothing is there");
  if (change.state == photo_state::verified_empty && !change.objects.empty())
    fail(photos_[photo].name, ": is said to be empty and has ", change.objects.size(), " boxes");
  return change.objects;
}

ODT_INLINE std::string annotation_store::text_for(std::size_t photo, const photo_labels& now,
                                                  const photo_change& change, const std::string& earlier) const {
  const std::vector<annotated_object> objects = checked(photo, change, now.size);
  const bool verified = is_accepted(change.state);
  if (!earlier.empty()) return changed_labels({earlier, place(photo), now.objects, now.size, objects, verified});
  if (objects.empty() && !verified) return {};
  const std::string& path = photos_[photo].path;
  return labelimg_text({path, now.size, detail::depth_of(read_file(path), path)}, objects, verified);
}

ODT_INLINE photo_row annotation_store::save(std::size_t photo, const photo_change& change) {
  telling tell(*this, photo);
  const std::lock_guard lock(saving_);
  const file_content file = read_labels(photo);
  tell.due = notice(photo, file);
  photo_labels now = labels_of(photo, file);
  if (now.row.revision != change.revision) throw revision_conflict{std::move(now)};
  if (!file.problem.empty()) fail(file.problem, "; nothing is saved over a file that cannot be read");
  const std::string text = text_for(photo, now, change, file.text);
  if (text == file.text && change.state == now.row.state) return now.row;
  const journal_entry entry{.id = photos_[photo].id,
                            .photo = photos_[photo].name,
                            .revision = now.row.revision + 1,
                            .state = change.state,
                            .by = change.by,
                            .time = seconds_now(),
                            .before = file.digest,
                            .after = digest_of(text),
                            .text = text == file.text ? std::string() : text,
                            .boxes = static_cast<int>(change.objects.size()),
                            .work = change.work};
  write(photo, entry, now.row);
  photo_row saved{entry.revision, entry.state, numbers_of(change.objects), entry.by, entry.time, entry.after, {}};
  set_row(photo, saved);
  tell.due = true;
  return saved;
}

/// First the journal, which can make up for the file, then the file.
ODT_INLINE void annotation_store::write(std::size_t photo, const journal_entry& entry, const photo_row& before) {
  journal_.append(entry);
  if (entry.text.empty()) return;
  try {
    make_directories(directory_of(place(photo)));
    write_file(place(photo), entry.text);
  } catch (...) {  // the journal must not promise what was not done
    journal_.append({.id = entry.id,
                     .photo = entry.photo,
                     .revision = before.revision,
                     .state = before.state,
                     .by = before.by,
                     .time = before.time,
                     .before = before.digest,
                     .after = before.digest,
                     .text = {},
                     .boxes = static_cast<int>(before.classes.size())});
    throw;
  }
}

ODT_INLINE std::vector<std::string> annotation_store::classes() const {
  const std::lock_guard lock(table_);
  return classes_;
}

ODT_INLINE std::vector<int> annotation_store::numbers_of(std::span<const annotated_object> objects) {
  std::vector<int> numbers;
  for (const annotated_object& object : objects) numbers.push_back(number_of(object.name));
  return numbers;
}

ODT_INLINE int annotation_store::number_of(const std::string& name) {
  const std::lock_guard lock(table_);
  const auto at = std::ranges::find(classes_, name);
  const auto number = static_cast<int>(at - classes_.begin());
  if (at == classes_.end()) classes_.push_back(name);
  return number;
}

ODT_INLINE bool annotation_store::add_class(const std::string& name) {
  if (name.empty() || name.find_first_of("\n\r") != std::string::npos) fail("a class needs a name, on one line");
  if (classes_are_given())
    fail("\"", name,
         "\": the label map has no such class, and its classes are all that there are: ", join(classes(), ", "));
  const std::size_t before = classes().size();
  number_of(name);
  const auto all = classes();
  if (all.size() == before) return false;
  write_file(detail::class_file(photos_), join(all, "\n") + "\n");
  return true;
}

ODT_INLINE effort annotation_store::total_effort() const { return journal_.total(); }

}  // namespace odt::labelling
