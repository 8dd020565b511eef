// SPDX-License-Identifier: MIT
// The file functions over a store in memory.
#include <odt/cloud/environment.hpp>
#include <odt/cloud/object_file_system.hpp>
#include <odt/cloud/register.hpp>
#include <odt/dataset/record_set.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/event_file.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_writer.hpp>
#include <odt/io/same_file.hpp>
#include <odt/io/tfrecord.hpp>

#include <scratch.hpp>

#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

namespace {

using namespace odt::cloud;
using odt::test::check_error;
using odt::test::says;

/// A store of one bucket, "b".
struct memory_store : object_store {
  struct object {
    std::string content;
    int version = 0;
  };

  struct upload : object_upload {
    upload(memory_store& store, object_name as) : to(store), name(std::move(as)) {}
    ~upload() override { --to.uploads; }
    void add(std::string_view part) override { content += part; }
    void finish(std::string_view last) override { to.put(name, content + std::string(last)); }
    memory_store& to;
    object_name name;
    std::string content;
  };

  std::optional<object_version> find(const object_name& name) override {
    const std::lock_guard lock(mutex);
    ++finds[std::this_thread::get_id()];
    const auto found = objects.find(name.key);
    if (found == objects.end()) return std::nullopt;
    return object_version{found->second.content.size(), std::to_string(found->second.version)};
  }
  std::string read(const object_name& name, const object_version& version, std::uint64_t offset,
                   std::uint64_t size) override {
    const std::lock_guard lock(mutex);
    ++reads;
    const object& there = objects.at(name.key);
    if (std::to_string(there.version) != version.tag) odt::fail(name.path, ": was changed while it was read");
    std::string content = there.content.substr(offset, size);
    if (damaged > 0) --damaged, content.back() = static_cast<char>(content.back() + 1);
    return content;
  }
  std::vector<std::string> list(const object_name& prefix, bool flat, int most) override {
    std::vector<std::string> keys;
    for (const auto& [key, content] : objects)
      if (key.starts_with(prefix.key) && !(flat && key.find('/', prefix.key.size()) != key.npos) &&
          (most == 0 || std::ssize(keys) < most))
        keys.push_back(key);
    return keys;
  }
  void put(const object_name& name, std::string_view content) override {
    const std::lock_guard lock(mutex);
    written.push_back(name.key);
    objects[name.key] = {std::string(content), objects[name.key].version + 1};
  }
  std::unique_ptr<object_upload> begin_upload(const object_name& name) override {
    ++uploads;
    return std::make_unique<upload>(*this, name);
  }
  void remove(const object_name& name) override { objects.erase(name.key); }

  std::mutex mutex;
  std::map<std::string, object> objects;
  std::vector<std::string> written;
  std::map<std::thread::id, int> finds;  ///< by who asked
  int uploads = 0, reads = 0, damaged = 0;
};

/// Paths "memory://b/..." lead to a store of the test's own.
struct fixture {
  fixture() {
    auto made = std::make_unique<memory_store>();
    store = made.get();
    odt::register_file_system("memory", std::make_shared<object_file_system>(std::move(made)));
  }
  memory_store* store;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(object_file_system_tests, fixture)

BOOST_AUTO_TEST_CASE(what_was_written_is_read_back) {
  odt::write_file("memory://b/a/x", "content");
  BOOST_TEST(odt::read_file("memory://b/a/x") == "content");
  BOOST_TEST(odt::file_size("memory://b/a/x") == 7u);
  odt::write_file("memory://b/a/x", "");
  BOOST_TEST(odt::read_file("memory://b/a/x") == "");
  odt::remove_file("memory://b/a/x");
  BOOST_TEST(!odt::file_exists("memory://b/a/x"));
  check_error([] { odt::read_file("memory://b/a/x"); }, {"memory://b/a/x", "no such object"});
}

BOOST_AUTO_TEST_CASE(a_directory_is_there_while_something_is_in_it) {
  odt::write_file("memory://b/a/c/x", "content");
  for (const std::string path : {"memory://b", "memory://b/", "memory://b/a", "memory://b/a/", "memory://b/a/c"}) {
    BOOST_TEST(odt::is_directory(path), path);
    BOOST_TEST(!odt::file_exists(path), path);
  }
  BOOST_TEST(!odt::is_directory("memory://b/a/c/x"));
  BOOST_TEST(
      !odt::is_directory("memory://b/a/"
                         "d"));
  check_error([] { odt::input_file("memory://b/a"); }, {"memory://b/a", "is a directory"});
  check_error([] { odt::input_file("memory://"); }, {"memory://", "names no bucket"});
  check_error([] { odt::write_file("memory://b", ""); }, {"memory://b", "name of a directory"});
}

BOOST_AUTO_TEST_CASE(parts_of_paths) {
  BOOST_TEST(odt::directory_of("memory://b/a/x") == "memory://b/a");
  BOOST_TEST(odt::directory_of("memory://b/a") == "memory://b");
  BOOST_TEST(odt::directory_of("memory://b") == "memory://b");
  BOOST_TEST(odt::join_path("models", "memory://b/a") == "memory://b/a");
  BOOST_TEST(odt::same_file("memory://b", "memory://b") == false);  // nothing is there
  odt::write_file("memory://b/a/x", "content");
  BOOST_TEST(odt::same_file("memory://b/a/", "memory://b/a"));
  BOOST_TEST(!odt::same_file("memory://b/a/x", "memory://b/a"));
  BOOST_TEST(literal_prefix("a/b*c") == "a/b");
  BOOST_TEST(literal_prefix("a\\*b[c]") == "a*b");
}

BOOST_AUTO_TEST_CASE(globs_and_shards) {
  for (const char* name : {"d/t-00000-of-00002", "d/t-00001-of-00002", "d/t.txt", "d/e/t-00000-of-00002", "d/a[1]"})
    odt::write_file(std::string("memory://b/") + name, "x");
  using paths = std::vector<std::string>;
  const paths shards{"memory://b/d/t-00000-of-00002", "memory://b/d/t-00001-of-00002"};
  BOOST_TEST(odt::expand_globs({"memory://b/d/t-????"
                                "?-of-00002"}) == shards);
  BOOST_TEST(odt::expand_globs({"memory://b/d/t@2"}) == shards);
  BOOST_TEST(odt::matching_files("memory://b/*/t.txt") == paths{"memory://b/d/t.txt"});
  BOOST_TEST(odt::matching_files(odt::glob_of("memory://b/d/a[1]")) == paths{"memory://b/d/a[1]"});
  BOOST_TEST(odt::matching_files("memory://b/d/*.none").empty());
  check_error([] { odt::expand_globs({"memory://b/d/none*"}); }, {"memory://b/d/none*", "at least one file"});
}

BOOST_AUTO_TEST_CASE(large_objects_go_in_parts_and_are_not_there_before_the_end) {
  const std::string piece(5'000'000, 'p');
  {
    odt::atomic_writer file("memory://b/large");
    for (int i = 0; i < 8; ++i) file.write(piece);
    BOOST_TEST(store->uploads == 1);
    BOOST_TEST(!odt::file_exists("memory://b/large"));
    file.commit();
  }
  BOOST_TEST(store->objects.at("large").content.size() == 40'000'000u);
  {
    odt::atomic_writer dropped("memory://b/dropped");
    for (int i = 0; i < 8; ++i) dropped.write(piece);
  }
  BOOST_TEST(!odt::file_exists("memory://b/dropped"));
  BOOST_TEST(store->uploads == 0);
}

BOOST_AUTO_TEST_CASE(an_object_that_is_changed_while_it_is_read) {
  odt::write_file("memory://b/x", std::string(10'000'000, 'a'));
  const odt::input_file file("memory://b/x");
  std::array<char, 10> some{};
  file.read_at(0, some);
  odt::write_file("memory://b/x", std::string(10'000'000, 'b'));
  check_error([&] { file.read_at(9'000'000, some); }, {"memory://b/x", "changed"});
}

/// Each question takes a far away store its time.
BOOST_AUTO_TEST_CASE(many_shards_are_opened_side_by_side) {
  constexpr int shards = 40;
  for (int shard = 0; shard < shards; ++shard) {
    odt::record_writer writer(odt::shard_name("memory://b/r", shard, shards));
    writer.write("a record");
    writer.commit();
  }
  store->finds.clear();
  const odt::record_set records({"memory://b/r@40"});
  BOOST_TEST(records.size() == 40u);
  BOOST_TEST(store->finds[std::this_thread::get_id()] < 5);  // of the set, not of each shard
  BOOST_TEST(store->finds.size() <= 17u);
  int asked = 0;
  for (const auto& [who, count] : store->finds) asked += count;
  BOOST_TEST(asked >= 2 * shards);
}

BOOST_AUTO_TEST_CASE(a_memory_that_is_no_number_is_an_error_when_a_store_is_used) {
  const std::string before = environment("ODT_CLOUD_MEMORY_MB");
  for (const char* text : {"many", "0", "-1", "64MB", "1.5", " 8", "99999999999999999999", "2000000"}) {
    ::setenv("ODT_CLOUD_MEMORY_MB", text, 1);
    register_stores();
    for (const char* path : {"s3://b/x", "gs://b/x"})
      check_error([&] { odt::file_exists(path); },
                  {odt::str("ODT_CLOUD_MEMORY_MB is \"", text, "\""), "a whole number of megabytes", "there are 256"});
  }
  before.empty() ? ::unsetenv("ODT_CLOUD_MEMORY_MB") : ::setenv("ODT_CLOUD_MEMORY_MB", before.c_str(), 1);
  register_stores();
}

BOOST_AUTO_TEST_CASE(a_record_that_was_damaged_on_the_way_is_read_again) {
  odt::record_writer writer("memory://b/r");
  for (int i = 0; i < 3; ++i) writer.write(std::string(200'000, static_cast<char>('a' + i)));
  writer.commit();
  store->damaged = 1;
  const odt::record_file file("memory://b/r");
  for (std::size_t i = 0; i < 3; ++i)
    BOOST_TEST((file.read(i) == std::string(200'000, static_cast<char>('a' + static_cast<int>(i)))));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_data_then_index_then_the_pointer) {
  odt::checkpoint_keeper keeper("memory://b/model", {.keep = 1});
  for (const std::int64_t step : {1, 2}) {
    odt::checkpoint_writer writer(keeper.prefix(step));
    const std::vector<float> values{1, 2, static_cast<float>(step)};
    writer.add<float>("v", std::array<std::int64_t, 1>{3}, values);
    writer.commit();
    keeper.saved(keeper.prefix(step));
  }
  const std::vector<std::string> first(store->written.begin(), store->written.begin() + 3);
  BOOST_TEST(first == (std::vector<std::string>{"model/model.ckpt-1.data-00000-of-00001", "model/model.ckpt-1.index",
                                                "model/checkpoint"}));
  BOOST_TEST(odt::latest_checkpoint("memory://b/model").value() == "memory://b/model/model.ckpt-2");
  BOOST_TEST(odt::checkpoint_reader("memory://b/model/model.ckpt-2").read<float>("v").at(2) == 2);
  BOOST_TEST(!odt::file_exists("memory://b/model/model.ckpt-1.index"));  // the keeper's one is the newest
  BOOST_TEST(store->objects.size() == 3u);
}

BOOST_AUTO_TEST_CASE(events_are_a_sequence_of_files) {
  std::string path;
  {
    odt::event_writer events("memory://b/model");
    path = events.path();
    BOOST_TEST(odt::file_exists(path));
    for (int i = 0; i < 100; ++i) {
      events.scalar("loss", 1, i);
      events.flush();  // too soon after the last one
    }
    events.close();
  }
  const auto files = odt::matching_files("memory://b/model/*");
  BOOST_TEST(files == (std::vector<std::string>{path, path + ".000001"}));
  odt::event_reader reader(files[1]);
  int count = 0;
  for (odt::event e; reader.next(e); ++count) BOOST_TEST(e.step == count);
  BOOST_TEST(count == 100);
}

BOOST_AUTO_TEST_CASE(unknown_schemes) {
  check_error([] { odt::read_file("hdfs://b/x"); }, {"hdfs://b/x", "scheme \"hdfs\"", "gs://"});
  check_error([] { odt::write_file("ftp://b/x", ""); }, {"ftp://b/x"});
}

BOOST_AUTO_TEST_SUITE_END()
