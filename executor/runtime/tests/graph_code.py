"""Code of cells that make object graphs, for both tests of such graphs."""

LISTS_AND_CLOSURES = '''
class Listy(list): pass
def closure(x):
    def get(): return x
    def put(y):
        nonlocal x
        x = y
    get.put = put
    return get
'''
