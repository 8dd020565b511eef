// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/train/shares.hpp>

namespace odt {

namespace detail::shares {

/// Of one batch: the most up to eight that divide it and are a multiple of the ranks.
ODT_INLINE int chosen_shards(int batch, int ranks) {
  for (const int shards : {8, 4, 2})
    if (batch % shards == 0 && shards % ranks == 0) return shards;
  return ranks;
}

/// Norms that wait for all ranks cannot wait for several shards of each, which are computed one after another.
ODT_INLINE void require_one_shard_a_rank(const step_shares& s, const share_flags& how) {
  if (how.accumulate > 1)
    fail("--sync_batch_norm sees one batch at a time, and --accumulate ", how.accumulate,
         " computes several; leave one of them out");
  if (s.shards > 1)
    fail("--sync_batch_norm needs one shard a rank, and --shards ", how.shards, " gives each ", s.shards,
         "; leave --shards out, or write --shards ", s.ranks);
}

}  // namespace detail::shares

ODT_INLINE step_shares deal_out(const settings& root, const share_flags& how) {
  const settings& field = *root.find("train_config")->find("batch_size");
  const int batch = field.as<int>();
  step_shares s;
  s.ranks = how.ranks ? how.ranks->ranks() : 1, s.rank = how.ranks ? how.ranks->rank() : 0;
  const bool chooses = how.ranks && !how.sync_batch_norm && !how.one_a_rank;
  const int usual = chooses ? detail::shares::chosen_shards(batch, s.ranks) : s.ranks;
  const int shards = how.shards > 0 ? how.shards : usual;
  if (shards % s.ranks != 0)
    fail("--shards ", shards, " cannot be dealt out to ", s.ranks, " ranks; give a multiple of ", s.ranks);
  if (batch % shards != 0)
    fail(field.where(), "is ", batch, ", which cannot be dealt out in ", how.shards > 0 ? "--shards " : "", shards,
         how.shards > 0 ? "" : " equal parts, one a rank", "; write a multiple of ", shards,
         " (it is the batch of all ranks together)");
  s.images = batch * how.accumulate;
  s.batch = batch / shards;
  s.shards = shards / s.ranks * how.accumulate;
  s.sync_batch_norm = how.sync_batch_norm;
  if (s.sync_batch_norm) detail::shares::require_one_shard_a_rank(s, how);
  return s;
}

ODT_INLINE std::string describe(const step_shares& s) {
  if (s.all_shards() == 1) return {};
  return str(counted(std::int64_t{s.images}, "image"), " a step: ", s.ranks > 1 ? str(s.ranks, " ranks x ") : "",
             counted(std::int64_t{s.shards}, "shard"), " x ", counted(std::int64_t{s.batch}, "image"),
             "; the learning rate is that of ", s.images, " images, batch norm's statistics those of ",
             s.sync_batch_norm ? s.images : s.batch);
}

}  // namespace odt
