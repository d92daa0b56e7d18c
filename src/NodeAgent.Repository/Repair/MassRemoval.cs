using System.Globalization;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Repair;

/// <summary>A store of which most is missing is as a rule not mounted, not yet copied, or another one.</summary>
internal static class MassRemoval
{
    private const int Few = 10;

    /// <exception cref="RepositoryException">So many packs are missing that it looks like a mistake.</exception>
    public static void Require(int gone, int all, bool isAllowed)
    {
        if (isAllowed || gone <= Few || gone <= all / 2) return;
        throw new RepositoryException(string.Create(
            CultureInfo.InvariantCulture,
            $"{gone} of the {all} packs that the index names are missing, so nothing was changed: is the store mounted, and there as a whole? (if they are lost for good, --allow-mass-removal takes them out of the index)"));
    }
}
