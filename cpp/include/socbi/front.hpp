// The first part of the semi-ordered list: the samples that will be asked for next, sorted.
//
// A sorted run, consumed from its head, and beside it a heap of the keys that joined later. An
// entry is the key a sample was filed with; whether the sample still has that key is for the caller
// to look up. Needs the access gate held alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "socbi/score.hpp"
#include "socbi/sort_keys.hpp"

namespace socbi {

class Front {
 public:
  [[nodiscard]] bool empty() const noexcept { return run_empty() && heap_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return run_.size() - head_ + heap_.size(); }

  [[nodiscard]] bool run_empty() const noexcept { return head_ == run_.size(); }

  /// Entries that joined since the run was made.
  [[nodiscard]] std::size_t joined() const noexcept { return heap_.size(); }

  /// Replaces the run; the front must be empty.
  void refill(std::vector<Key>&& keys) {
    sort_keys(keys);
    refill_sorted(std::move(keys));
  }
  void refill_sorted(std::vector<Key>&& keys) noexcept {
    run_ = std::move(keys);
    head_ = 0;
  }

  /// The key that the run gives `distance` pops from now; its last if it is shorter, which must not
  /// be empty.
  [[nodiscard]] Key ahead(std::size_t distance) const noexcept {
    return run_[std::min(head_ + distance, run_.size() - 1)];
  }

  void push(Key key) {
    heap_.push_back(key);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  /// Takes the lowest key out; the front must not be empty.
  Key pop_lowest() noexcept {
    const bool from_run = heap_.empty() || (head_ < run_.size() && run_[head_] <= heap_.front());
    if (from_run) return run_[head_++];
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const Key key = heap_.back();
    heap_.pop_back();
    return key;
  }

  /// Puts back keys just taken, ascending and lower than all that is in the front.
  void put_back(std::span<const Key> keys) {
    if (keys.size() > head_) {
      run_.insert(run_.begin(), keys.size() - head_, kLowestKey);
      head_ = keys.size();
    }
    head_ -= keys.size();
    std::copy(keys.begin(), keys.end(), run_.begin() + static_cast<std::ptrdiff_t>(head_));
  }

  /// Takes all entries out, unsorted.
  [[nodiscard]] std::vector<Key> take_all() {
    std::vector<Key> all(run_.begin() + static_cast<std::ptrdiff_t>(head_), run_.end());
    all.insert(all.end(), heap_.begin(), heap_.end());
    clear();
    return all;
  }

  void clear() noexcept {
    std::vector<Key>().swap(run_);  // assigning {} would keep the memory
    std::vector<Key>().swap(heap_);
    head_ = 0;
  }

  template <class Visit>
  void visit(Visit&& visit) const {
    for (std::size_t i = head_; i < run_.size(); ++i) visit(run_[i]);
    for (const Key key : heap_) visit(key);
  }

  [[nodiscard]] bool ordered() const {
    return std::is_sorted(run_.begin() + static_cast<std::ptrdiff_t>(head_), run_.end()) &&
           std::is_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  [[nodiscard]] std::size_t nbytes() const noexcept {
    return (run_.capacity() + heap_.capacity()) * sizeof(Key);
  }

 private:
  std::vector<Key> run_;   // ascending from head_ on
  std::vector<Key> heap_;  // a min-heap
  std::size_t head_ = 0;
};

}  // namespace socbi
