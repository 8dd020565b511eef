// SPDX-License-Identifier: MIT
// MPI as a transport, and as nothing more: what is summed, and in which order, is ours.
#pragma once

#include <odt/distributed/transport.hpp>

#include <mpi.h>

#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// All calls but the constructor's come from one thread, which tells the other ranks every two seconds that it lives.
class mpi_transport final : public transport {
 public:
  /// After `timeout` seconds without a sign of life of a rank that is waited for, all ranks are ended.
  explicit mpi_transport(double timeout);
  ~mpi_transport() override;
  mpi_transport(const mpi_transport&) = delete;
  mpi_transport& operator=(const mpi_transport&) = delete;

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  void exchange(std::span<const std::span<const char>> out, std::span<const std::span<char>> in,
                const std::string& doing) override;
  void idle() override;
  void watch(const std::string& doing) override;
  double timeout() const override { return timeout_; }

 private:
  using clock = std::chrono::steady_clock;
  struct peer {
    std::string host;
    int process = 0;
    clock::time_point heard;
    MPI_Request greeting = MPI_REQUEST_NULL;
  };

  void introduce();
  void await(std::vector<MPI_Request>& requests, const std::vector<int>& sources, const std::string& doing);
  void require_life(const std::vector<MPI_Request>& requests, const std::vector<int>& sources,
                    const std::string& doing) const;
  void require_life(int rank, const std::string& doing) const;

  double timeout_;
  int rank_ = 0, ranks_ = 1;
  MPI_Comm data_ = MPI_COMM_NULL, greetings_ = MPI_COMM_NULL;
  std::vector<peer> peers_;
  clock::time_point greeted_ = {};
  char greeting_ = 0;
};

}  // namespace odt
