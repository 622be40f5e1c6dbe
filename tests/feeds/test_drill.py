"""Connections killed one a second: nothing twice, nothing backwards, every loss counted (G-13)."""

from marketdata.feeds.drill import DOWN_S, Drill, minute


def test_every_symbol_of_connections_killed_each_second_is_back_within_a_second() -> None:
    result = minute(links=90, room=15, symbols=900, seconds=8)
    assert result.kills == 8
    assert result.faults == []
    assert result.lost == result.gaps
    assert len(result.away_s) >= 40
    assert result.longest_s() <= 2.0  # 1 s to move, 1 s until the market speaks again
    assert (result.most_waiting, result.left_waiting) == (0, 0)


def test_without_room_the_rest_waits_as_7001_and_comes_back_with_the_connection() -> None:
    drill = Drill(links=90, room=10, symbols=900)
    drill.place()
    drill.kill()
    drill.run(2.0)
    assert len(drill.engine.pool.waiting) == drill.hub_waiting() == 10
    drill.run(DOWN_S)
    result = drill.finish()
    assert (result.left_waiting, result.faults) == (0, [])
    assert result.lost == result.gaps > 0
