// The same from C++, by the functions under the macros.
#include <nacre/nacre.h>

int main()
{
    nac_input_layer_options in = nac_input_layer_defaults;
    in.shape.d[0] = 4;
    nac_dense_options dense = nac_dense_defaults;
    dense.units = 3;
    dense.activation = "relu";
    nac_layer *layers[] = {nac_input_layer_with(&in), nac_dense_with(&dense)};
    nac_model *m = nac_sequential_of(nullptr, 2, layers);
    int64_t dim[] = {8, 4};
    nac_predict_arguments predict = {};
    predict.model = m;
    predict.x = nac_ones(NAC_FLOAT32, nac_shape_of(2, dim));
    predict.batch_size = 4;
    nac_tensor *p = nac_predict_with(&predict);
    return nac_report() || nac_size_of(p) != 24 || nac_weight_count(m) != 2;
}
