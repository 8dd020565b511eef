// SPDX-License-Identifier: MIT
// TensorFlow Serving's gRPC interface: PredictionService, ModelService, and gRPC's health service. Compiled into
// odt::grpc.
#pragma once

#include <odt/serve/rpc_server.hpp>

#include <memory>

namespace odt::serve {

/// Listens from now on; fails where the address cannot be had, or can be reached from elsewhere without a token.
/// Predict, GetModelMetadata, GetModelStatus and HandleReloadConfigRequest are answered; other methods are
/// UNIMPLEMENTED. A full queue is RESOURCE_EXHAUSTED; a call's own deadline is kept.
std::unique_ptr<rpc_server> make_grpc_server(models& all, metrics& count, const rpc_options& how);

/// Makes rpc_server_of_program() that.
bool register_grpc_server();

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/grpc/grpc_server.ipp>
#endif
