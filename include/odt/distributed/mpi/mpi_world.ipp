// SPDX-License-Identifier: MIT
// What lets a program join the ranks that mpirun, srun or odt launch started: a unit of odt::mpi.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/distributed/bucket_communicator.hpp>
#include <odt/distributed/mpi/mpi_transport.hpp>
#include <odt/distributed/mpi/mpi_transport.ipp>
#include <odt/distributed/world.hpp>

#include <memory>

namespace odt {

namespace detail::mpi {

/// From MPI_Init to MPI_Finalize.
class session {
 public:
  session() {
    int level = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &level);
    if (level < MPI_THREAD_SERIALIZED)
      fail("this MPI cannot be called from a thread of its own (MPI_THREAD_SERIALIZED)");
  }
  ~session() { MPI_Finalize(); }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
};

class mpi_world final : public world {
 public:
  explicit mpi_world(const world_options& how) : transport_(how.timeout) {
    MPI_Comm local = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local);
    MPI_Comm_size(local, &local_ranks_);
    MPI_Comm_free(&local);
    ranks_ = std::make_unique<bucket_communicator>(transport_);
    ranks_->any_order = how.any_order;
  }

  communicator& ranks() override { return *ranks_; }
  int local_ranks() const override { return local_ranks_; }
  void abort(int status) override { end_all_ranks(status); }

 private:
  session session_;
  mpi_transport transport_;
  int local_ranks_ = 1;
  std::unique_ptr<bucket_communicator> ranks_;
};

inline const bool joins = [] {
  world_of_program() = [](const world_options& how) { return std::make_unique<mpi_world>(how); };
  return true;
}();

}  // namespace detail::mpi

}  // namespace odt
