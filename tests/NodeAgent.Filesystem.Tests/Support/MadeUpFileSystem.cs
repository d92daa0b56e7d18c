using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>
/// A file system of the test's own (FUSE), which says what no other would: names that are too long or given twice, links without a target, attributes that cannot be read.
/// Answered on a thread of its own until it is disposed. Tests that want one are skipped by name where it cannot be mounted.
/// </summary>
internal sealed unsafe partial class MadeUpFileSystem : IDisposable
{
    // linux/fuse.h
    private const int Lookup = 1, Forget = 2, GetAttributes = 3, ReadLink = 5, Open = 14, Read = 15, Release = 18, GetExtended = 22, ListExtended = 23, Initialize = 26, OpenDirectory = 27,
        ReadDirectory = 28, ReleaseDirectory = 29, Interrupt = 36, ForgetMany = 42;

    private const int RequestHeader = 40, AnswerHeader = 16;
    private const int ReadWriteCloseOnExec = 0x80002, Detach = 2, Interrupted = 4;

    private readonly string _path;
    private readonly int _kernel;
    private readonly List<MadeUpFile> _nodes;
    private readonly Task _server;

    private MadeUpFileSystem(string path, int kernel, MadeUpFile root)
    {
        (_path, _kernel, _nodes) = (path, kernel, [root]);
        _server = Task.Factory.StartNew(Serve, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Mounts it at a new directory, or skips the test.</summary>
    public static MadeUpFileSystem AtOrSkip(string path, params IEnumerable<MadeUpFile> files)
    {
        var kernel = OpenPath("/dev/fuse", ReadWriteCloseOnExec);
        Assert.SkipUnless(kernel >= 0, "no file system can be mounted here: that takes root and /dev/fuse");
        Directory.CreateDirectory(path);
        if (Mount("made-up", path, "fuse", 0, $"fd={kernel},rootmode=40000,user_id=0,group_id=0") != 0)
        {
            _ = LibC.Close(kernel);
            Assert.Skip("no file system can be mounted here: that takes root and /dev/fuse");
        }

        return new MadeUpFileSystem(path, kernel, new MadeUpFile("", MadeUpFile.Directory) { Files = [.. files] });
    }

    /// <summary>Once it is unmounted, and nothing of it open, the server's read fails, and it ends.</summary>
    public void Dispose()
    {
        _ = Unmount(_path, Detach);
        // Whatever a failed test left open must not keep the thread.
        if (!_server.Wait(TimeSpan.FromSeconds(10))) return;
        _ = LibC.Close(_kernel);
    }

    private void Serve()
    {
        var request = new byte[1 << 20];
        while (true)
        {
            nint length;
            fixed (byte* p = request) length = LibC.Read(_kernel, p, (nuint)request.Length);
            if (length < 0 && Marshal.GetLastPInvokeError() is Interrupted or Errno.NoEntry or Errno.WouldBlock) continue;
            if (length < RequestHeader) return;
            var operation = BinaryPrimitives.ReadInt32LittleEndian(request.AsSpan(4));
            if (operation is Forget or ForgetMany or Interrupt) continue;
            var node = _nodes[Math.Max(0, (int)BinaryPrimitives.ReadInt64LittleEndian(request.AsSpan(16)) - 1)];
            var (answer, error) = AnswerTo(operation, node, request.AsSpan(RequestHeader, (int)length - RequestHeader));
            var reply = new byte[AnswerHeader + answer.Length];
            BinaryPrimitives.WriteInt32LittleEndian(reply, reply.Length);
            BinaryPrimitives.WriteInt32LittleEndian(reply.AsSpan(4), -error);
            request.AsSpan(8, 8).CopyTo(reply.AsSpan(8));
            answer.CopyTo(reply.AsSpan(AnswerHeader));
            fixed (byte* p = reply) _ = Write(_kernel, p, (nuint)reply.Length);
        }
    }

    private (byte[] Answer, int Error) AnswerTo(int operation, MadeUpFile node, ReadOnlySpan<byte> request)
    {
        switch (operation)
        {
            case Initialize:
                // Version 7.31; 64 KiB in one write.
                return (Numbers(16, (0, 7u), (1, 31u), (5, 64u << 10), (6, 1u)), 0);
            case GetAttributes:
                return ([.. new byte[16], .. Status(node)], 0);
            case Lookup:
                var wanted = request[..^1].ToArray();
                if (node.Files.Find(f => f.Name.AsSpan().SequenceEqual(wanted)) is not { } found) return ([], Errno.NoEntry);
                return ([.. BitConverter.GetBytes((long)IdOf(found)), .. new byte[32], .. Status(found)], 0);
            case ReadLink:
                return (node.Content, 0);
            case Open or OpenDirectory:
                // FOPEN_DIRECT_IO: without it the kernel ends every read where the size says.
                return (Numbers(4, (2, node.Size is null ? 0u : 1u)), 0);
            case Read when node.ReadError != 0:
                return ([], node.ReadError);
            case Read:
                var (offset, size) = Part(request);
                if (node.IsEndless)
                {
                    node.BytesRead += size;
                    return (new byte[size], 0);
                }

                var content = node.Content.AsSpan(Math.Min(offset, node.Content.Length));
                content = content[..Math.Min(size, content.Length)];
                node.BytesRead += content.Length;
                return (content.ToArray(), 0);
            case ReadDirectory:
                return (List(node, Part(request)), 0);
            case Release or ReleaseDirectory:
                return ([], 0);
            case ListExtended when node.ListError != 0:
                return ([], node.ListError);
            case ListExtended:
                return OrLength(node.AttributeNames, request);
            case GetExtended:
                var (value, error) = node.Attribute(Encoding.UTF8.GetString(request[8..^1]));
                return error != 0 ? ([], error) : OrLength(value, request);
            default:
                return ([], Errno.NotImplemented);
        }
    }

    private int IdOf(MadeUpFile file)
    {
        if (_nodes.IndexOf(file) is var at and >= 0) return at + 1;
        _nodes.Add(file);
        return _nodes.Count;
    }

    private byte[] List(MadeUpFile node, (int Offset, int Size) part)
    {
        var list = new List<byte>();
        for (var i = part.Offset; i < node.Files.Count; i++)
        {
            var name = node.Files[i].Name;
            byte[] entry = [.. BitConverter.GetBytes((long)IdOf(node.Files[i])), .. BitConverter.GetBytes((long)i + 1), .. BitConverter.GetBytes(name.Length), .. new byte[4], .. name, .. new byte[-name.Length & 7]];
            if (list.Count + entry.Length > part.Size) break;
            list.AddRange(entry);
        }

        return [.. list];
    }

    private byte[] Status(MadeUpFile file)
    {
        const uint seconds = 1_500_000_000;
        var size = (uint)(file.Size ?? file.Content.Length);
        return Numbers(22, (0, (uint)IdOf(file)), (2, size), (4, (size + 511) / 512), (6, seconds), (8, seconds), (10, seconds), (15, file.Mode), (16, 1u));
    }

    /// <summary>The value, or its length for who brings no room.</summary>
    private static (byte[] Answer, int Error) OrLength(byte[] value, ReadOnlySpan<byte> request)
    {
        var room = BinaryPrimitives.ReadInt32LittleEndian(request);
        return room == 0 ? (Numbers(2, (0, (uint)value.Length)), 0) : room < value.Length ? ([], Errno.Range) : (value, 0);
    }

    private static (int Offset, int Size) Part(ReadOnlySpan<byte> request) => ((int)BinaryPrimitives.ReadInt64LittleEndian(request[8..]), BinaryPrimitives.ReadInt32LittleEndian(request[16..]));

    /// <summary>32-bit numbers, zero but for those that are given with their places.</summary>
    private static byte[] Numbers(int count, params ReadOnlySpan<(int Place, uint Value)> numbers)
    {
        var bytes = new byte[count * 4];
        foreach (var (place, value) in numbers) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(place * 4), value);
        return bytes;
    }

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int descriptor, byte* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenPath(string path, int flags);

    [LibraryImport("libc", EntryPoint = "mount", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string type, nuint flags, string data);

    [LibraryImport("libc", EntryPoint = "umount2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
