// SPDX-License-Identifier: MIT
// How the images of a train step are dealt out: over the ranks, and on each over shards, batches that are computed each
// for itself, one after another. The same shards give the same bits whichever rank computes them.
#pragma once

#include <odt/core/settings.hpp>
#include <odt/dataset/loader.hpp>
#include <odt/exec/communicator.hpp>

#include <string>

namespace odt {

/// What a program is told of it.
struct share_flags {
  communicator* ranks = nullptr;  ///< null: this process is alone
  int shards = 0;                 ///< of a batch, over all ranks; 0: chosen
  int accumulate = 1;             ///< batches a step
  bool sync_batch_norm = false;   ///< norms over the batch of all ranks; needs one shard a rank
  bool one_a_rank = false;        ///< so many shards, where no number is given: what GPUs take
};

struct step_shares {
  int images = 1;  ///< a step, all ranks together
  int batch = 1;   ///< images of a shard
  int shards = 1;  ///< of this rank
  int ranks = 1, rank = 0;
  bool sync_batch_norm = false;

  int all_shards() const { return shards * ranks; }
  batch_share share() const { return {rank * shards, shards, all_shards()}; }
};

/// Deals out train_config.batch_size times `accumulate`. Where no number of shards is given, a process alone has one
/// for each batch that it accumulates; ranks have the eighth, quarter or half of a batch each that can be dealt out
/// to them evenly, so that any number of ranks up to eight takes the same steps. What cannot be dealt out is an error.
step_shares deal_out(const settings& root, const share_flags& how);

/// "24 images a step: 2 ranks x 4 shards x 3 images; ..."; empty where one batch is all.
std::string describe(const step_shares& s);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/shares.ipp>
#endif
