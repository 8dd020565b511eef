// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/label/label_studio.ipp>
#include <odt/label/server.hpp>
#include <odt/label/server_routes.ipp>
#include <odt/label/server_state.ipp>

namespace odt::labelling {

ODT_INLINE label_server::label_server(std::span<const detector_type> types, const label_options& how)
    : state_(std::make_unique<state>(types, how)) {}

ODT_INLINE label_server::~label_server() = default;

ODT_INLINE int label_server::port() const { return state_->server->port(); }

ODT_INLINE std::string label_server::url() const { return state_->server->url(); }

ODT_INLINE const photo_index& label_server::photos() const { return state_->photos; }

ODT_INLINE void label_server::stop() { state_->stop(); }

}  // namespace odt::labelling
