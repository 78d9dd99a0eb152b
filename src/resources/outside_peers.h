// What becomes of connections whose peer is outside the tree: the user's choice, one for a whole checkpoint. It is kept
// in DescribeContext::once().
#pragma once

#include <array>
#include <string_view>

namespace cairn::resources {

struct OutsidePeers {
  enum class Rule {
    kRefuse,
    kWait,   // until there are none, within the timeout of the checkpoint
    kClose,  // the restored program finds them reset
  } rule = Rule::kRefuse;

  struct Named {
    std::string_view name;
    Rule rule;
  };
  // As --external takes them, beside the names of descriptors.
  static constexpr std::array<Named, 3> kNames{
      Named{"refuse", Rule::kRefuse}, {"wait", Rule::kWait}, {"close", Rule::kClose}};
};

}  // namespace cairn::resources
