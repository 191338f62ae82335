// The paper's schemes 1 and 2: the scores lie in an array, and each retrieval looks at all of them.
//
// Updates are plain writes of which these orderings want to know nothing. What they keep between
// retrievals is the memory they work in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "socbi/ordering.hpp"
#include "socbi/scan.hpp"
#include "socbi/score.hpp"
#include "socbi/score_table.hpp"
#include "socbi/sort_keys.hpp"

namespace socbi::baselines {

/// What both have in common: nothing to be told, nothing to keep up.
class ArrayOrdering {
 public:
  struct Scratch {
    bool alone = false;
  };

  ArrayOrdering(ScoreTable& table, const TotalOrder& order, const OrderingOptions& /*options*/)
      : table_(table), order_(order) {}

  [[nodiscard]] Notice notice() const noexcept { return Notice::kNone; }
  [[nodiscard]] bool ready() const noexcept { return true; }
  [[nodiscard]] bool wants_upkeep() const noexcept { return false; }
  void count_updates(std::size_t /*count*/, bool /*towards*/) noexcept {}
  void settle(Id /*id*/, float /*now*/, Scratch& /*scratch*/) noexcept {}
  void settle_shared(Id /*id*/, float /*now*/, Scratch& /*scratch*/) noexcept {}
  void deliver(Scratch& /*scratch*/) noexcept {}
  void prepare() noexcept {}
  void upkeep() noexcept {}
  void forget() noexcept {}

  [[nodiscard]] std::size_t nbytes() const noexcept { return keys_.capacity() * sizeof(Key); }
  [[nodiscard]] std::string check() const { return {}; }
  void report(Stats& /*stats*/) const {}

 protected:
  const ScoreTable& table_;
  const TotalOrder& order_;
  std::vector<Key> keys_;
};

/// Scheme 1: sort the whole pool at every retrieval.
class ArraySortOrdering : public ArrayOrdering {
 public:
  using ArrayOrdering::ArrayOrdering;

  void take(std::size_t wanted, bool /*remove*/, std::vector<Key>& out) {
    keys_.clear();
    keys_.reserve(table_.alive());
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const float score = table_.scores()[i];
      if (score != kRemovedScore) keys_.push_back(order_.key(score, static_cast<Id>(i)));
    }
    sort_keys(keys_);
    out.assign(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(wanted));
  }
};

/// Scheme 2: one pass over the pool with a heap of the best so far.
class ArrayHeapOrdering : public ArrayOrdering {
 public:
  using ArrayOrdering::ArrayOrdering;

  void take(std::size_t wanted, bool /*remove*/, std::vector<Key>& out) {
    out.reserve(wanted);
    smallest_by_heap(table_, order_, wanted, out);
  }
};

}  // namespace socbi::baselines
