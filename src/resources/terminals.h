// Pseudoterminals as several kinds see them: which number a terminal has, and which descriptor of the tree leads to it.
#pragma once

#include <optional>
#include <utility>

#include "resources/describe_context.h"

namespace cairn::resources {

bool is_pty_master(const DescriptionView& view);
bool is_pty_slave(const DescriptionView& view);
// /dev/pts/N.
std::optional<unsigned> pty_of_device(dev_t device);

// A descriptor of the tree: process and number.
using DescriptorOfTree = std::pair<HostPid, int>;
std::optional<DescriptorOfTree> find_master(DescribeContext& context, unsigned pty);
// The pair that has this master; 0 when that can't be kept.
RecordId pty_of_master(DescribeContext& context, const DescriptorOfTree& master);
// A process outside the tree that has an end of it too. There may be more than one devpts, each with such a number: a
// slave is known by its node, and a master can only be shared, for each open makes a terminal.
std::optional<HostPid> master_outside(DescribeContext& context, const std::string& multiplexer, unsigned pty);
std::optional<HostPid> slave_outside(DescribeContext& context, const std::string& path, const struct stat& node);

}  // namespace cairn::resources
