using System.Net.Sockets;
using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Security;

/// <summary>
/// A pod that wants to be backed up with more than it has: on a thread of its own it swaps directories and files of its volume for links to the
/// node's files, for fifos, sockets and devices, moves directories about, and swaps them back.
/// </summary>
internal sealed class HostilePod : IAsyncDisposable
{
    public const int Slots = 12;

    private readonly Random _random;
    private readonly Canaries _canaries;
    private readonly string _volume;
    private readonly string _attic;
    private readonly DirectoryHandle _handle;
    private readonly Disturbance _disturbance;
    private long _swaps;
    private long _lost;

    /// <param name="attic">A directory of the same file system that directories are moved to and back from: a part of the volume that is not backed up.</param>
    public HostilePod(string volume, string attic, Canaries canaries, Random random)
    {
        (_volume, _attic, _canaries, _random) = (volume, Directory.CreateDirectory(attic).FullName, canaries, random);
        _handle = Files.OpenRoot(volume);
        for (var slot = 0; slot < Slots; slot++) Plant(slot);
        _disturbance = new Disturbance(_ => Act());
    }

    /// <summary>How often something took the place of something else.</summary>
    public long Swaps => Interlocked.Read(ref _swaps);

    /// <summary>How often a planted thing was not there any more when it was to be swapped: somebody else took it away.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>What a calm volume holds: directories d0, d1, … with files in them, and files f0, f1, ….</summary>
    public static void Fill(string volume, Random random)
    {
        for (var slot = 0; slot < Slots; slot++)
        {
            var directory = Directory.CreateDirectory(Path.Combine(volume, $"d{slot}"));
            File.WriteAllText(Path.Combine(directory.FullName, "inner"), "calm");
            File.WriteAllText(Path.Combine(directory.FullName, "shadow"), "calm");
            File.WriteAllText(Path.Combine(directory.CreateSubdirectory("sub").FullName, "inner"), "calm");
            // In an entry, in a bundle, as chunks of its own.
            File.WriteAllBytes(Path.Combine(volume, $"f{slot}"), random.Bytes(slot % 3 == 0 ? 40 : slot % 3 == 1 ? 9_000 : 200_000));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _disturbance.DisposeAsync();
        _handle.Dispose();
    }

    private static string Swapped(string name) => $".swap-{name}";

    private void Plant(int slot)
    {
        PlantLink($"d{slot}", slot % 2 == 0 ? _canaries.Path : "../etc");
        var name = Swapped($"f{slot}");
        var path = Path.Combine(_volume, name);
        if (Exists(name)) return;
        switch (slot % 5)
        {
            case 0:
                using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)) socket.Bind(new UnixDomainSocketEndPoint(path));
                break;
            case 1:
                Files.MakeNode(_handle, Encoding.ASCII.GetBytes(name), 0x1000 | 0x1b6, 0, 0);
                break;
            case 2 when Files.IsRoot:
                // Whoever reads it never comes to an end.
                Files.MakeNode(_handle, Encoding.ASCII.GetBytes(name), 0x2000 | 0x1b6, 1, 5);
                break;
            default:
                File.CreateSymbolicLink(path, _canaries.Shadow);
                break;
        }
    }

    private void PlantLink(string name, string target)
    {
        if (!Exists(Swapped(name))) File.CreateSymbolicLink(Path.Combine(_volume, Swapped(name)), target);
    }

    private void Act()
    {
        var slot = _random.Next(Slots);
        try
        {
            switch (_random.Next(8))
            {
                case < 4:
                    Swap($"d{slot}", slot);
                    break;
                case < 6:
                    Swap($"f{slot}", slot);
                    break;
                case 6:
                    // A directory goes elsewhere while somebody is in it, and another of the same name comes.
                    MoveOutAndBack($"d{slot}");
                    break;
                default:
                    // The directory within: what was opened in it is of it, whatever is in its place now.
                    SwapWithin(slot);
                    break;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SocketException)
        {
            // A restore changed it in the same moment.
        }
    }

    private void Swap(string name, int slot)
    {
        if (Exchange.Try(_handle, name, Swapped(name)))
        {
            Interlocked.Increment(ref _swaps);
            return;
        }

        Interlocked.Increment(ref _lost);
        Plant(slot);
    }

    private void SwapWithin(int slot)
    {
        using var directory = Files.TryOpen(_handle, Encoding.ASCII.GetBytes($"d{slot}"), OpenFlags.Directory, 0, out _);
        if (directory is null) return;
        if (Exchange.Try(directory, "sub", "link")) Interlocked.Increment(ref _swaps);
        else Files.MakeSymlink(Encoding.ASCII.GetBytes(_canaries.Path), directory, "link"u8);
    }

    private void MoveOutAndBack(string name)
    {
        var (here, there) = (Path.Combine(_volume, name), Path.Combine(_attic, name));
        if (new FileInfo(here).LinkTarget is not null || Directory.Exists(there)) return;
        Directory.Move(here, there);
        if (_random.Next(2) == 0) Directory.CreateSymbolicLink(here, _canaries.Path);
        Thread.SpinWait(_random.Next(2000));
        if (new FileInfo(here).LinkTarget is not null) File.Delete(here);
        Directory.Move(there, here);
        Interlocked.Increment(ref _swaps);
    }

    private bool Exists(string name)
    {
        try
        {
            _ = Files.Status(_handle, Encoding.ASCII.GetBytes(name));
            return true;
        }
        catch (FileSystemException)
        {
            return false;
        }
    }
}
