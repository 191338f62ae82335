// A node of the semi-ordered list: an unsorted bag of ids with the lower bound of their keys.
//
// What lies in it is a hint: an id belongs to the node only while the score table says so
// (`place` names this node). A sample that moves on leaves its id behind, and whoever goes over the
// node next drops it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "socbi/score.hpp"
#include "socbi/tuning.hpp"
#include "socbi/update_protocol.hpp"

namespace socbi {

struct Node {
  /// Every id that belongs here has a key of at least this.
  Key lower = kLowestKey;
  /// Beyond this many ids the node is cleaned, and split if that does not help.
  std::size_t capacity = 0;
  std::vector<Id> ids;
  /// Levels this node's tower has; `next[level]` is the node after it there, 0 for none.
  std::uint32_t height = 0;
  /// 1 while a thread appends beside others. A word, not a mutex, so that nodes can be moved.
  std::uint32_t lock = 0;
  std::array<Place, tuning::kTowerLevels> next{};

  void append(Id id) {
    if (ids.size() == ids.capacity()) {
      // A quarter more, not twice as much: the unused room counts towards the bytes a sample.
      ids.reserve(ids.size() + std::max<std::size_t>(16, ids.size() / 4));
    }
    ids.push_back(id);
  }
};

// Bytes a node costs beside its ids: with 256 ids a node this is 0.4 bytes a sample. If it grows,
// measure the bytes a sample of the uniform list again.
static_assert(sizeof(Node) <= 104);

/// Held while appending to a node; does nothing where no other thread can append.
class NodeLock {
 public:
  NodeLock(Node& node, bool alone) noexcept : word_(node.lock), alone_(alone) {
    while (!alone_ &&
           word_.exchange(1, std::memory_order_acquire) != 0) {  // pairs with the release below
      word_.wait(1, std::memory_order_relaxed);                  // woken, the exchange above orders
    }
  }
  NodeLock(const NodeLock&) = delete;
  NodeLock& operator=(const NodeLock&) = delete;
  ~NodeLock() {
    if (alone_) return;
    word_.store(0, std::memory_order_release);  // pairs with the acquire above
    word_.notify_one();
  }

 private:
  std::atomic_ref<std::uint32_t> word_;
  bool alone_;
};

}  // namespace socbi
