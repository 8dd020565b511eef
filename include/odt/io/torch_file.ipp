// SPDX-License-Identifier: MIT
// Reads the tensors of PyTorch's files (torch.save of dictionaries of tensors), by their names there: the zip archives
// that it writes since 1.6, and the pickles in a row of before.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_format.hpp>
#include <odt/io/checkpoint_source.hpp>
#include <odt/io/pickle.ipp>
#include <odt/io/torch_tensors.ipp>
#include <odt/io/zip_file.ipp>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

namespace odt::detail {

inline constexpr std::uint64_t most_pickle_bytes = 1 << 22;  // names and shapes alone

/// What both forms have in common: the pickle is read at once, values when they are asked for.
class torch_file : public checkpoint_source {
 public:
  bool has_values() const override { return true; }

  void read(const tensor_info& tensor, std::span<std::byte> out) const override {
    const std::lock_guard lock(reading_);
    const torch::view& where = views_.at(tensor.name);
    if (where.key != kept_key_ || kept_.empty()) {
      kept_ = storage_bytes(where.key, storages_.at(where.key));
      kept_key_ = where.key;
    }
    torch::gather(tensor, where, kept_, out);
  }

 protected:
  virtual std::string storage_bytes(const std::string& key, const torch::storage& storage) const = 0;

  void take(torch::pickled_tensors found, const std::string& path) {
    tensors_ = std::move(found.tensors);
    storages_ = std::move(found.storages);
    views_ = std::move(found.views);
    if (tensors_.empty())
      fail(path, ": holds no tensors; a dictionary of them is read (torch.save(model.state_dict()))");
    std::ranges::sort(tensors_, {}, &tensor_info::name);
  }

  std::map<std::string, torch::storage> storages_;

 private:
  std::map<std::string, torch::view> views_;
  mutable std::mutex reading_;
  mutable std::string kept_key_, kept_;  // the storage that was read last
};

/// archive/data.pkl, and archive/data/<key> of each storage.
class torch_archive : public torch_file {
 public:
  explicit torch_archive(std::shared_ptr<const input_file> file) : zip_(std::move(file)) {
    const auto lists = std::ranges::find_if(zip_.entries(), [](const zip_entry& e) { return is_list(e.name); });
    if (lists == zip_.entries().end()) fail(zip_.path(), ": a zip archive without data.pkl, which PyTorch's have");
    folder_ = lists->name.substr(0, lists->name.find('/') + 1);
    if (zip_.find(folder_ + "constants.pkl"))
      fail(zip_.path(), ": a TorchScript program; save the tensors of the module: torch.save(model.state_dict(), ...)");
    const zip_entry* const order = zip_.find(folder_ + "byteorder");
    if (order && zip_.content(*order, 16) != "little") fail(zip_.path(), ": is big endian, which is not supported");
    const std::string bytes = zip_.content(*lists, most_pickle_bytes), path = zip_.path() + ": " + lists->name;
    take({path, pickle(path, bytes, 0, torch::is_expected)}, zip_.path());
    for (const auto& [key, storage] : storages_) check(key, storage);
  }

 private:
  static bool is_list(std::string_view name) {
    return name.ends_with("/data.pkl") && std::ranges::count(name, '/') == 1;
  }

  const zip_entry& check(const std::string& key, const torch::storage& storage) const {
    const std::string name = str(folder_, "data/", key);
    const zip_entry* const entry = zip_.find(name);
    if (!entry) fail(zip_.path(), ": ", name, " is missing");
    if (entry->size != storage.bytes())
      fail(zip_.path(), ": ", name, " has ", entry->size, " bytes instead of ", storage.bytes());
    return *entry;
  }

  std::string storage_bytes(const std::string& key, const torch::storage& storage) const override {
    return zip_.content(check(key, storage));
  }

  zip_file zip_;
  std::string folder_;
};

/// Before 1.6: pickles of a magic number, a version, the machine, the tensors and the keys of the storages, then these.
class torch_pickles : public torch_file {
 public:
  explicit torch_pickles(std::shared_ptr<const input_file> file) : file_(std::move(file)) {
    std::string bytes(std::min(file_->size(), most_pickle_bytes), '\0');
    file_->read_at(0, bytes);
    std::size_t at = torch_magic.size();
    const auto next = [&] {
      pickle read(path(), bytes, at, torch::is_expected);
      at = read.end();
      return read;
    };
    if (const pickle version = next(); version.top().integer != 1001)
      fail(path(), ": version ", version.top().integer, " of PyTorch's old form; 1001 is read");
    check_machine(next());
    take({path(), next()}, path());
    const pickle keys = next();
    place(keys, at);
  }

 private:
  const std::string& path() const { return file_->path(); }

  void check_machine(const pickle& machine) const {
    const auto& pairs = machine.top().pairs;
    for (std::size_t i = 0; i < pairs.size(); i += 2)
      if (pairs[i]->text == "little_endian" && !pairs[i + 1]->integer)
        fail(path(), ": is big endian, which is not supported");
  }

  /// Where each storage lies: behind its number of elements.
  void place(const pickle& keys, std::uint64_t at) {
    for (const pickled* key : keys.top().parts) {
      const auto found = storages_.find(key->text);
      if (found == storages_.end()) fail(path(), ": damaged: nothing is said of storage ", key->text);
      torch::storage& storage = found->second;
      const std::uint64_t size = file_->size();
      if (at > size || size - at < 8 || size - at - 8 < storage.bytes())
        fail(path(), ": cut short: storage ", key->text, " takes ", storage.bytes(), " bytes from byte ", at + 8,
             ", the file has ", size);
      std::array<char, 8> count{};
      file_->read_at(at, count);
      if (u64({count.data(), count.size()}, 0) != storage.elements)
        fail(path(), ": damaged: at byte ", at, " storage ", key->text, " does not begin with its ", storage.elements,
             " elements");
      storage.offset = at + 8;
      at = storage.offset + storage.bytes();
    }
    for (const auto& [key, storage] : storages_)
      if (storage.offset == 0) fail(path(), ": damaged: storage ", key, " is not there");
  }

  std::string storage_bytes(const std::string&, const torch::storage& storage) const override {
    std::string bytes(storage.bytes(), '\0');
    file_->read_at(storage.offset, bytes);
    return bytes;
  }

  std::shared_ptr<const input_file> file_;
};

ODT_INLINE std::shared_ptr<const checkpoint_source> open_torch_file(const checkpoint_files& files) {
  auto file = files.open("");
  std::array<char, 2> start{};
  file->read_some_at(0, start);
  if (std::string_view(start.data(), 2) == "PK") return std::make_shared<const torch_archive>(std::move(file));
  return std::make_shared<const torch_pickles>(std::move(file));
}

}  // namespace odt::detail
