// The std::thread workers of one index: they run one batch call at a time.
//
//   WorkerPool pool;
//   if (auto crew = pool.try_hire(4))          // nobody else uses them now
//     crew.run([&](unsigned worker) { ... });   // worker 0 is the caller; returns when all are
//     done
//
// Threads are started when first needed and sleep between calls. A process that was forked has
// none of its parent's threads: `WorkerPool::forked()` (call it in the child) makes every pool
// start anew there. The job must not throw.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace socbi {

class WorkerPool {
 public:
  class Crew {
   public:
    explicit operator bool() const noexcept { return pool_ != nullptr; }
    [[nodiscard]] unsigned size() const noexcept { return size_; }

    template <class Job>
    void run(Job&& job) {
      pool_->run(size_, std::function<void(unsigned)>(std::ref(job)));
    }

    Crew() = default;
    Crew(Crew&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), size_(std::exchange(other.size_, 1)) {}
    Crew& operator=(Crew&&) = delete;
    ~Crew() {
      if (pool_ != nullptr) pool_->hired_.clear();
    }

   private:
    friend class WorkerPool;
    Crew(WorkerPool* pool, unsigned size) : pool_(pool), size_(size) {}
    WorkerPool* pool_ = nullptr;
    unsigned size_ = 1;
  };

  WorkerPool() = default;
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() { dismiss(); }

  /// The workers for one call, the caller among them; none if another call has them or if the
  /// system has no more threads to give. `size` of at least 2.
  [[nodiscard]] Crew try_hire(unsigned size) {
    if (hired_.test_and_set()) return {};
    Crew crew(this, size);
    try {
      start(size - 1);
    } catch (const std::system_error&) {  // thread limit: go on with those that did start
    } catch (const std::bad_alloc&) {     // likewise
    }
    const auto started = state_ ? static_cast<unsigned>(state_->threads.size()) : 0U;
    crew.size_ = std::min(size, started + 1);
    return crew;
  }

  static void forked() noexcept { fork_count_.fetch_add(1); }

 private:
  /// Shared with the threads. Left behind, not destroyed, in a forked child: its mutex may be held
  /// by a thread that does not exist there.
  struct State {
    std::mutex mutex;
    std::condition_variable wake;       // of the workers: a new job, or the end
    std::condition_variable done;       // of the caller: `running` has come to 0
    std::function<void(unsigned)> job;  // guarded by mutex
    unsigned wanted = 0;                // workers of the current job; guarded by mutex
    unsigned running = 0;               // guarded by mutex
    std::uint64_t round = 0;            // number of the current job; guarded by mutex
    bool ending = false;                // guarded by mutex
    std::vector<std::thread> threads;   // touched by the holder of `hired_` only
  };

  void start(unsigned count) {
    if (state_ && fork_seen_ != fork_count_.load()) static_cast<void>(state_.release());
    if (!state_) {
      state_ = std::make_unique<State>();
      fork_seen_ = fork_count_.load();
    }
    while (state_->threads.size() < count) {
      const auto worker = static_cast<unsigned>(state_->threads.size()) + 1;
      state_->threads.emplace_back(
          [state = state_.get(), worker, seen = state_->round] { work(*state, worker, seen); });
    }
  }

  void run(unsigned size, std::function<void(unsigned)> job) {
    State& state = *state_;
    {
      const std::lock_guard lock(state.mutex);
      state.job = std::move(job);
      state.wanted = size - 1;
      state.running = size - 1;
      ++state.round;
    }
    state.wake.notify_all();
    state.job(0);
    std::unique_lock lock(state.mutex);
    state.done.wait(lock, [&] { return state.running == 0; });
  }

  static void work(State& state, unsigned worker, std::uint64_t seen) {
    std::unique_lock lock(state.mutex);
    while (true) {
      state.wake.wait(lock, [&] { return state.ending || state.round != seen; });
      if (state.ending) return;
      seen = state.round;
      if (worker > state.wanted) continue;
      lock.unlock();
      state.job(worker);
      lock.lock();
      if (--state.running == 0) state.done.notify_one();
    }
  }

  void dismiss() {
    if (!state_) return;
    if (fork_seen_ != fork_count_.load()) {
      static_cast<void>(state_.release());
      return;
    }
    {
      const std::lock_guard lock(state_->mutex);
      state_->ending = true;
    }
    state_->wake.notify_all();
    for (std::thread& thread : state_->threads) thread.join();
  }

  inline static std::atomic<unsigned> fork_count_{0};

  std::atomic_flag hired_;  // held by the one Crew; guards all below
  std::unique_ptr<State> state_;
  unsigned fork_seen_ = 0;
};

}  // namespace socbi
