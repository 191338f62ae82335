// The nodes of the semi-ordered list in ascending order, and the skip towers that find one.
//
// A skip list whose elements are nodes: each node has a tower of 1 to 10 links, one in four rising
// a level, so finding the node of a key among 40,000 takes about 16 steps. Nodes are named by
// places (small integers that stay the same while the node lives).
//
// Thread safety: `search`, `after` and `node` may run beside each other while nobody
// inserts or erases; inserting and erasing needs the access gate held alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "socbi/node.hpp"

namespace socbi {

class NodeTowers {
 public:
  /// Places below this are not nodes; the list gives them a meaning of their own.
  static constexpr Place kFirstNode = 3;
  static constexpr Place kNone = 0;

  [[nodiscard]] bool empty() const noexcept { return head_[0] == kNone; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] Place first() const noexcept { return head_[0]; }
  [[nodiscard]] Place after(Place place) const noexcept { return node(place).next[0]; }
  [[nodiscard]] Node& node(Place place) noexcept { return nodes_[place - kFirstNode]; }
  [[nodiscard]] const Node& node(Place place) const noexcept { return nodes_[place - kFirstNode]; }

  /// The last node whose lower bound is at most this key; kNone if it lies before the first.
  [[nodiscard]] Place search(Key key) const noexcept {
    Place at = kNone;
    for (unsigned level = tuning::kTowerLevels; level-- > 0;) {
      for (Place ahead = next(at, level); ahead != kNone && node(ahead).lower <= key;
           ahead = next(at, level)) {
        at = ahead;
      }
    }
    return at;
  }

  /// Adds an empty node; no node may have this lower bound yet.
  Place insert(Key lower, std::size_t capacity) {
    const Place place = allocate();
    Node& fresh = node(place);
    fresh.lower = lower;
    fresh.capacity = capacity;
    fresh.height = draw_height();
    Place at = kNone;
    for (unsigned level = tuning::kTowerLevels; level-- > 0;) {
      for (Place ahead = next(at, level); ahead != kNone && node(ahead).lower < lower;
           ahead = next(at, level)) {
        at = ahead;
      }
      if (level < fresh.height) fresh.next[level] = std::exchange(next(at, level), place);
    }
    ++count_;
    return place;
  }

  /// Unlinks a node and gives its ids back to the caller.
  std::vector<Id> erase(Place place) noexcept {
    Node& gone = node(place);
    Place at = kNone;
    for (unsigned level = tuning::kTowerLevels; level-- > 0;) {
      for (Place ahead = next(at, level); ahead != kNone && node(ahead).lower < gone.lower;
           ahead = next(at, level)) {
        at = ahead;
      }
      if (next(at, level) == place) next(at, level) = gone.next[level];
    }
    std::vector<Id> ids = std::exchange(gone.ids, {});
    gone.next[0] = std::exchange(free_, place);
    --count_;
    return ids;
  }

  void clear() noexcept {
    std::vector<Node>().swap(nodes_);
    head_ = {};
    free_ = kNone;
    count_ = 0;
  }

  /// Empty if every link is right, else what is wrong.
  [[nodiscard]] std::string check() const {
    std::size_t counted = 0;
    for (Place at = head_[0]; at != kNone; at = after(at)) {
      ++counted;
      if (counted > count_) return "the list of nodes has a cycle or a node too many";
      const Place ahead = after(at);
      if (ahead != kNone && node(ahead).lower <= node(at).lower) {
        return "node " + std::to_string(at) + " is not before its successor";
      }
    }
    if (counted != count_) return "a node is missing from the list of nodes";
    for (unsigned level = 1; level < tuning::kTowerLevels; ++level) {
      Place low = head_[0];
      for (Place at = head_[level]; at != kNone; at = next(at, level)) {
        while (low != kNone && low != at) low = after(low);
        if (low == kNone) return "a tower names a node that is not in the list, or out of order";
        if (node(at).height <= level) return "a link is higher than its node's tower";
      }
      for (Place at = head_[0]; at != kNone; at = after(at)) {
        if (node(at).height > level && !linked(at, level)) return "a tower is not linked";
      }
    }
    return {};
  }

  [[nodiscard]] std::size_t nbytes() const noexcept {
    std::size_t bytes = nodes_.capacity() * sizeof(Node);
    for (const Node& each : nodes_) bytes += each.ids.capacity() * sizeof(Id);
    return bytes;
  }

 private:
  [[nodiscard]] Place next(Place at, unsigned level) const noexcept {
    return at == kNone ? head_[level] : node(at).next[level];
  }
  [[nodiscard]] Place& next(Place at, unsigned level) noexcept {
    return at == kNone ? head_[level] : node(at).next[level];
  }

  [[nodiscard]] bool linked(Place place, unsigned level) const noexcept {
    // The last node on this level that lies before the place must point at it.
    Place at = kNone;
    for (Place ahead = next(at, level); ahead != kNone && node(ahead).lower < node(place).lower;
         ahead = next(at, level)) {
      at = ahead;
    }
    return next(at, level) == place;
  }

  Place allocate() {
    if (free_ == kNone) {
      // A place must leave the protocol's bit free. Only uniform nodes of a few samples over a pool
      // of 10^9 get here; the list is then given up like one that memory is short for.
      if (nodes_.size() + kFirstNode >= kUpdatingBit) throw std::bad_alloc();
      nodes_.emplace_back();
      return static_cast<Place>(nodes_.size() - 1) + kFirstNode;
    }
    const Place place = free_;
    Node& reused = node(place);
    free_ = reused.next[0];
    reused = Node{};
    return place;
  }

  std::uint32_t draw_height() noexcept {
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    std::uint32_t height = 1;
    for (auto bits = random_ >> 32; (bits & 3U) == 0 && height < tuning::kTowerLevels; bits >>= 2) {
      ++height;
    }
    return height;
  }

  std::vector<Node> nodes_;
  std::array<Place, tuning::kTowerLevels> head_{};
  Place free_ = kNone;  // unused nodes, linked by next[0]
  std::size_t count_ = 0;
  std::uint64_t random_ = 1;
};

}  // namespace socbi
