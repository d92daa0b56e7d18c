using System.Runtime.InteropServices;
using NodeAgent.Repository.Index;

namespace NodeAgent.Repository.Collection;

/// <summary>Reads one sorted part of a census front to back, 64 KiB at a time.</summary>
internal sealed class CensusRun(TemporaryFile file, long start, int count)
{
    private readonly UInt128[] _buffer = new UInt128[4096];
    private int _taken;
    private int _at;
    private int _filled;

    public bool TryNext(out UInt128 key)
    {
        if (_at == _filled)
        {
            (_at, _filled) = (0, Math.Min(_buffer.Length, count - _taken));
            if (_filled > 0) file.Read(start + ((long)_taken * 16), MemoryMarshal.AsBytes(_buffer.AsSpan(0, _filled)));
            _taken += _filled;
        }

        key = _filled > 0 ? _buffer[_at++] : default;
        return _filled > 0;
    }
}
