"""What recording costs, briefly and with wide margins; `make bench` measures it in peace."""

from harness import test
from measure import attach_times, best_ratio, end_time, read_cost, redis_rate


@test("cost: a read() that does not block costs the same with waitscope attached")
def read(t):
    found, _ = read_cost(t, 3, 1_000_000)
    best = best_ratio(found, min)
    t.note(f"ratio of the fastest {best:.3f}")
    t.check(best <= 1.15, f"a read costs {best:.2f} times as much")


@test("cost: redis-server serves nearly as much with waitscope attached, and nothing is lost")
def redis(t):
    found, lost = redis_rate(t, 3, 60000)
    best = best_ratio(found, max)
    t.note(f"ratio of the fastest {best:.3f}")
    t.check(best >= 0.8, f"throughput is {best:.2f} of untraced")
    t.equal(lost, 0, "records lost")


@test("cost: attached soon on 100 threads, and ended soon with many records")
def times(t):
    outside, own = attach_times(t, 3)
    t.note(f"attached in {min(outside):.3f} s at best, by its own account {min(own):.3f} s")
    t.check(min(outside) < 0.6, f"attached in {outside} s")
    took, records, lost, _ = end_time(t, 200_000, ["wsc"])
    t.note(f"ended in {took:.3f} s with {records} records, {lost} lost")
    t.check(took < 2, f"ended in {took:.2f} s")
