// What a C++ user would reach for first: absl::btree_set with a lock around it.
//
// The same calls as every index. Alone it takes no lock; beside other calls each move of a sample
// holds the one lock.
#pragma once

#ifdef SOCBI_HAS_ABSL

#include <absl/container/btree_set.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "socbi/ordering.hpp"
#include "socbi/score.hpp"
#include "socbi/score_table.hpp"
#include "socbi/sort_keys.hpp"

namespace socbi::bench {

class AbslSetOrdering {
 public:
  struct Scratch {
    bool alone = false;
  };

  AbslSetOrdering(ScoreTable& table, const TotalOrder& order, const OrderingOptions& /*options*/)
      : table_(table), order_(order) {}

  [[nodiscard]] Notice notice() const noexcept { return built_ ? Notice::kEvery : Notice::kNone; }
  [[nodiscard]] bool ready() const noexcept { return built_; }
  [[nodiscard]] bool wants_upkeep() const noexcept { return false; }
  void count_updates(std::size_t /*count*/, bool /*towards*/) noexcept {}

  void settle(Id id, float now, Scratch& scratch) {
    if (scratch.alone) return move(id, now);
    const std::lock_guard lock(mutex_);
    move(id, now);
  }

  /// The score is read under the lock, so the last to change it files what it is then.
  void settle_shared(Id id, float /*now*/, Scratch& /*scratch*/) {
    const std::lock_guard lock(mutex_);
    move(id, table_.score(id).load());
  }

  void deliver(Scratch& /*scratch*/) noexcept {}
  void prepare() { build(); }
  void upkeep() noexcept {}

  void forget() noexcept {
    set_.clear();
    built_ = false;
  }

  void take(std::size_t wanted, bool remove, std::vector<Key>& out) {
    build();
    out.clear();
    const auto end = std::next(set_.begin(), static_cast<std::ptrdiff_t>(wanted));
    out.assign(set_.begin(), end);
    if (!remove) return;
    set_.erase(set_.begin(), end);
    for (const Key key : out) filed_[order_.id(key)] = kRemovedScore;
  }

  [[nodiscard]] std::size_t nbytes() const noexcept {
    return filed_.capacity() * sizeof(float) + set_.size() * sizeof(Key) * 4 / 3;
  }
  [[nodiscard]] std::string check() const { return {}; }
  void report(Stats& /*stats*/) const {}

 private:
  void build() {
    if (built_) return;
    filed_.assign(table_.scores(), table_.scores() + table_.size());
    std::vector<Key> keys;
    for (std::size_t i = 0; i < filed_.size(); ++i) {
      if (filed_[i] != kRemovedScore) keys.push_back(order_.key(filed_[i], static_cast<Id>(i)));
    }
    sort_keys(keys);
    set_ = absl::btree_set<Key>(keys.begin(), keys.end());
    built_ = true;
  }

  void move(Id id, float now) {
    if (id >= filed_.size()) filed_.resize(table_.size(), kRemovedScore);
    const float filed = filed_[id];
    if (filed == now) return;
    if (filed != kRemovedScore) set_.erase(order_.key(filed, id));
    if (now != kRemovedScore) set_.insert(order_.key(now, id));
    filed_[id] = now;
  }

  ScoreTable& table_;
  const TotalOrder& order_;
  std::mutex mutex_;
  absl::btree_set<Key> set_;
  std::vector<float> filed_;  // [size] the score by which each sample is in the set
  bool built_ = false;
};

}  // namespace socbi::bench

#endif
