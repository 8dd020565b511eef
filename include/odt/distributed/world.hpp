// SPDX-License-Identifier: MIT
// The processes of one training, where this one was started as one of several: by mpirun, srun or odt launch. A program
// can join them when it links odt::mpi.
#pragma once

#include <odt/exec/communicator.hpp>

#include <functional>
#include <memory>
#include <string>

namespace odt {

class world {
 public:
  virtual ~world() = default;

  virtual communicator& ranks() = 0;
  /// How many of the ranks run on this machine.
  virtual int local_ranks() const = 0;
  /// Ends all ranks at once.
  virtual void abort(int status) = 0;
};

struct world_options {
  double timeout = 60;     ///< seconds without a sign of life of a rank that is waited for, after which all ranks end
  bool any_order = false;  ///< GPUs may add up gradients in an order that NCCL finds fastest
};

using world_maker = std::function<std::unique_ptr<world>(const world_options&)>;

/// How this program joins others; empty unless it links odt::mpi, which sets it.
world_maker& world_of_program();

/// The environment variable by which a launcher says that this process is one of several, as "NAME=value"; empty: it
/// was started alone.
std::string launcher_variable();

/// Joins the others; null where this process was started alone. A program that cannot, and a launcher whose ranks do
/// not find each other, are errors.
std::unique_ptr<world> join_world(const world_options& how);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/distributed/world.ipp>
#endif
