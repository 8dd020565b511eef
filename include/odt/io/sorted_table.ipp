// SPDX-License-Identifier: MIT
// LevelDB's tables, which TensorFlow's checkpoints are made of.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/unnamed_file.hpp>

#include <leveldb/env.h>
#include <leveldb/iterator.h>
#include <leveldb/options.h>
#include <leveldb/table.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace odt::detail {

/// Reads a table; everything is checked against its checksums.
class sorted_table {
 public:
  /// `what`: "the index of a checkpoint", for messages.
  sorted_table(std::shared_ptr<const input_file> file, std::string_view what)
      : input_(on_this_machine(std::move(file))), what_(what) {
    leveldb::RandomAccessFile* opened = nullptr;
    check(leveldb::Env::Default()->NewRandomAccessFile(input_->reachable_path(), &opened));
    file_.reset(opened);
    leveldb::Options options;
    options.paranoid_checks = true;
    leveldb::Table* read = nullptr;
    check(leveldb::Table::Open(options, opened, input_->size(), &read));
    table_.reset(read);
  }

  const std::string& path() const { return input_->path(); }

  /// Calls act(key, value) for all entries, by rising key.
  template <class Act>
  void for_each(Act&& act) const {
    const auto at = iterator();
    for (at->SeekToFirst(); at->Valid(); at->Next()) act(text(at->key()), text(at->value()));
    check(at->status());
  }

  /// Calls act(value) for the entry; false when there is none.
  template <class Act>
  bool find(std::string_view key, Act&& act) const {
    const auto at = iterator();
    at->Seek({key.data(), key.size()});
    check(at->status());
    if (!at->Valid() || text(at->key()) != key) return false;
    act(text(at->value()));
    return true;
  }

  template <class... Why>
  [[noreturn]] void fail_damaged(const Why&... why) const {
    fail(path(), ": is not ", what_, ", or damaged: ", why...);
  }

 private:
  /// A file that lies elsewhere is fetched.
  static std::shared_ptr<const input_file> on_this_machine(std::shared_ptr<const input_file> file) {
    if (!file->reachable_path().empty()) return file;
    unnamed_file copy(file->path());
    std::string chunk(1 << 20, '\0');
    std::uint64_t at = 0;
    for (std::size_t count = file->read_some_at(0, chunk); count > 0; count = file->read_some_at(at, chunk)) {
      copy.write({chunk.data(), count});
      at += count;
    }
    return std::make_shared<const input_file>(std::move(copy).finish());
  }

  static std::string_view text(const leveldb::Slice& slice) { return {slice.data(), slice.size()}; }

  void check(const leveldb::Status& status) const {
    if (!status.ok()) fail_damaged(status.ToString());
  }

  std::unique_ptr<leveldb::Iterator> iterator() const {
    leveldb::ReadOptions how;
    how.verify_checksums = true;
    return std::unique_ptr<leveldb::Iterator>(table_->NewIterator(how));
  }

  std::shared_ptr<const input_file> input_;
  std::string what_;
  std::unique_ptr<leveldb::RandomAccessFile> file_;
  std::unique_ptr<leveldb::Table> table_;
};

}  // namespace odt::detail
