using NodeAgent.Filesystem;

namespace NodeAgent.Agent.Volumes;

/// <summary>A pod's volume as it lies on the node.</summary>
/// <param name="Path">Its directory, as this process sees it.</param>
/// <param name="Claim">Name of the PersistentVolumeClaim behind it; null when there is none.</param>
/// <param name="Identity">Which directory it was when it was found.</param>
internal sealed record VolumeDirectory(string Path, string? Claim, DirectoryIdentity Identity)
{
    /// <summary>Whether another directory is there by now, or none: what was read or written since it was found may not be the volume's.</summary>
    public bool IsGone()
    {
        try
        {
            return DirectoryIdentity.Of(Path) != Identity;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
