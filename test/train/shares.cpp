// SPDX-License-Identifier: MIT

#include <odt/config/pipeline.hpp>
#include <odt/core/error.hpp>
#include <odt/train/shares.hpp>

#include <boost/test/unit_test.hpp>

namespace {

struct fixed_ranks final : odt::communicator {
  fixed_ranks(int own, int all) : own_(own), all_(all) {}
  int rank() const override { return own_; }
  int ranks() const override { return all_; }
  std::vector<std::string> gather(std::string_view) override { return {}; }
  void finished(std::span<float>) override {}
  void wait() override {}

 private:
  int own_, all_;
};

odt::step_shares dealt(int batch, const odt::share_flags& how) {
  const auto config = odt::pipeline::parse(odt::str("train_config { batch_size: ", batch, " }"), "a.config");
  return odt::deal_out(config.root(), how);
}

std::string refusal(int batch, const odt::share_flags& how) {
  try {
    dealt(batch, how);
  } catch (const odt::error& wrong) {
    return wrong.what();
  }
  return "none";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(shares_tests)

BOOST_AUTO_TEST_CASE(a_process_alone_takes_whole_batches) {
  const odt::step_shares s = dealt(24, {});
  BOOST_TEST((s.images == 24 && s.batch == 24 && s.shards == 1 && s.all_shards() == 1));
  BOOST_TEST(odt::describe(s).empty());
}

BOOST_AUTO_TEST_CASE(ranks_deal_out_a_batch_in_the_same_shards_whatever_their_number) {
  for (const int ranks : {1, 2, 4, 8}) {
    fixed_ranks of(ranks - 1, ranks);
    const odt::step_shares s = dealt(24, {.ranks = &of});
    BOOST_TEST((s.images == 24 && s.batch == 3 && s.all_shards() == 8));
    BOOST_TEST((s.share().first == 8 - 8 / ranks && s.share().count == 8 / ranks && s.share().all == 8));
  }
  fixed_ranks three(0, 3);
  BOOST_TEST(dealt(24, {.ranks = &three}).batch == 8);
  fixed_ranks two(0, 2);
  BOOST_TEST(dealt(12, {.ranks = &two}).batch == 3);
}

BOOST_AUTO_TEST_CASE(where_each_rank_has_a_gpu_it_gets_one_shard) {
  for (const int ranks : {1, 2, 4, 6}) {
    fixed_ranks of(ranks - 1, ranks);
    const odt::step_shares s = dealt(24, {.ranks = &of, .one_a_rank = true});
    BOOST_TEST((s.images == 24 && s.batch == 24 / ranks && s.shards == 1 && s.all_shards() == ranks));
  }
  fixed_ranks two(0, 2);
  BOOST_TEST(dealt(24, {.ranks = &two, .shards = 8, .one_a_rank = true}).shards == 4);
}

BOOST_AUTO_TEST_CASE(batches_are_accumulated_in_shards_of_their_own) {
  const odt::step_shares s = dealt(8, {.accumulate = 4});
  BOOST_TEST((s.images == 32 && s.batch == 8 && s.shards == 4));
  BOOST_TEST(contains(odt::describe(s), "32 images a step: 4 shards x 8 images"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_dealt_out_is_refused) {
  fixed_ranks two(0, 2);
  BOOST_TEST(contains(refusal(1, {.ranks = &two}), "train_config.batch_size: is 1, which cannot be dealt"));
  BOOST_TEST(contains(refusal(8, {.ranks = &two, .shards = 3}), "--shards 3 cannot be dealt out to 2 ranks"));
  BOOST_TEST(contains(refusal(9, {.shards = 4}), "--shards 4 equal parts") == false);
  BOOST_TEST(contains(refusal(9, {.shards = 4}), "cannot be dealt out in --shards 4; write a multiple of 4"));
}

BOOST_AUTO_TEST_CASE(norms_over_all_ranks_take_one_shard_a_rank) {
  fixed_ranks two(1, 2);
  const odt::step_shares s = dealt(24, {.ranks = &two, .sync_batch_norm = true});
  BOOST_TEST((s.batch == 12 && s.shards == 1 && s.sync_batch_norm));
  BOOST_TEST(contains(odt::describe(s), "batch norm's statistics those of 24"));
  BOOST_TEST(contains(refusal(24, {.ranks = &two, .shards = 8, .sync_batch_norm = true}), "--shards 2"));
  BOOST_TEST(contains(refusal(24, {.ranks = &two, .accumulate = 4, .sync_batch_norm = true}), "--accumulate 4"));
  BOOST_TEST((dealt(24, {.sync_batch_norm = true}).batch == 24));
}

BOOST_AUTO_TEST_SUITE_END()
