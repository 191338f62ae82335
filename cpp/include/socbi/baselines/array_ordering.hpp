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
#include "socbi/radix_sort.hpp"
#include "socbi/score.hpp"
#include "socbi/score_table.hpp"

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
  void count_updates(std::size_t /*count*/) noexcept {}
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
  void remove_all(const std::vector<Key>& taken) noexcept {
    for (const Key key : taken) table_.remove_plain(order_.id(key));
  }

  ScoreTable& table_;
  const TotalOrder& order_;
  std::vector<Key> keys_;
};

/// Scheme 1: sort the whole pool at every retrieval.
class ArraySortOrdering : public ArrayOrdering {
 public:
  using ArrayOrdering::ArrayOrdering;

  void take(std::size_t wanted, bool remove, std::vector<Key>& out) {
    keys_.clear();
    keys_.reserve(table_.alive());
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const float score = table_.scores()[i];
      if (score != kRemovedScore) keys_.push_back(order_.key(score, static_cast<Id>(i)));
    }
    sort_keys(keys_);
    const auto count = static_cast<std::ptrdiff_t>(std::min(wanted, keys_.size()));
    out.assign(keys_.begin(), keys_.begin() + count);
    if (remove) remove_all(out);
  }
};

/// Scheme 2: one pass over the pool with a heap of the best so far.
class ArrayHeapOrdering : public ArrayOrdering {
 public:
  using ArrayOrdering::ArrayOrdering;

  void take(std::size_t wanted, bool remove, std::vector<Key>& out) {
    out.clear();
    wanted = std::min(wanted, table_.alive());
    if (wanted == 0) return;
    out.reserve(wanted);
    const float* const scores = table_.scores();
    const std::size_t size = table_.size();
    std::size_t i = 0;
    for (; out.size() < wanted; ++i) {
      if (scores[i] != kRemovedScore) out.push_back(order_.key(scores[i], static_cast<Id>(i)));
    }
    std::make_heap(out.begin(), out.end());
    // A score above the worst kept is passed over without a key; 32 at a time where all are.
    constexpr std::size_t kBlock = 32;
    float worst = TotalOrder::score(out.front());
    while (i < size) {
      const std::size_t end = std::min(size, i + kBlock);
      std::uint32_t any = 0;
      for (std::size_t at = i; at < end; ++at)
        any |= static_cast<std::uint32_t>(scores[at] <= worst);
      for (; any != 0 && i < end; ++i) {
        if (scores[i] > worst) continue;
        const Key key = order_.key(scores[i], static_cast<Id>(i));
        if (key >= out.front()) continue;
        replace_worst(out, key);
        worst = TotalOrder::score(out.front());
      }
      i = end;
    }
    std::sort_heap(out.begin(), out.end());
    if (remove) remove_all(out);
  }

 private:
  /// Lets a better key take the place of the worst: one way down the heap instead of a pop and a
  /// push.
  static void replace_worst(std::vector<Key>& heap, Key key) noexcept {
    std::size_t hole = 0;
    for (std::size_t child = 1; child < heap.size(); child = 2 * hole + 1) {
      if (child + 1 < heap.size() && heap[child + 1] > heap[child]) ++child;
      if (heap[child] <= key) break;
      heap[hole] = heap[child];
      hole = child;
    }
    heap[hole] = key;
  }
};

}  // namespace socbi::baselines
